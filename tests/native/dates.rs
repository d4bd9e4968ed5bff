//! Dates in foreign text, against other parsers: jiff's.

use crate::support::NOW;
use jiff::fmt::rfc2822::DateTimePrinter;
use premium_recorder::model::time::Timestamp;
use proptest::prelude::*;

fn iso(text: &str) -> Option<i64> {
    Timestamp::from_iso(text).map(Timestamp::as_millis)
}

fn http(text: &str) -> Option<i64> {
    Timestamp::from_http(text, Timestamp::from_millis(NOW)).map(Timestamp::as_millis)
}

/// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
const EXAMPLE: i64 = 784_111_777_000;

#[test]
fn a_time_that_says_its_zone_is_read() {
    for text in [
        "1994-11-06T08:49:37Z",
        "1994-11-06T08:49:37.000Z",
        "1994-11-06T08:49:37.0009999999999999Z",
        "1994-11-06T08:49:37+00:00",
        "1994-11-06T08:49:37.0+0000",
        "1994-11-06T09:49:37+01:00",
        "1994-11-06T09:49:37+0100",
        "1994-11-05T21:19:37-11:30",
    ] {
        assert_eq!(iso(text), Some(EXAMPLE), "{text}");
    }
    assert_eq!(iso("1994-11-06T08:49:37.25Z"), Some(EXAMPLE + 250));
    assert_eq!(iso("2024-02-29T00:00:00Z"), Some(1_709_164_800_000));
}

#[test]
fn a_time_that_is_not_certain_is_no_evidence() {
    for text in [
        "1994-11-06T08:49:37",
        "1994-11-06",
        "1994-11-06Z",
        "1994-11-06T08:49Z",
        "1994-11-06T08Z",
        "1994-11-06 08:49:37Z",
        "1994-11-06 08:49:37",
        "1994-11-06T08:49:37 Z",
        " 1994-11-06T08:49:37Z",
        "1994-11-06T08:49:37Z ",
        "1994-11-06T08:49:37.Z",
        "1994-11-06T08:49:37,5Z",
        "-1994-11-06T08:49:37Z",
        "-001994-11-06T08:49:37Z",
        "+001994-11-06T08:49:37Z",
        "94-11-06T08:49:37Z",
        "1994-11-06T24:00:00Z",
        "1994-11-06T23:60:00Z",
        "1994-11-06T23:59:60Z",
        "1994-11-06T08:49:61Z",
        "1994-02-29T08:49:37Z",
        "1994-13-06T08:49:37Z",
        "1994-00-06T08:49:37Z",
        "1994-11-31T08:49:37Z",
        "1994-11-00T08:49:37Z",
        "1994-11-06T08:49:37+24:00",
        "1994-11-06T08:49:37+00:60",
        "1994-11-06T08:49:37+1:00",
        "1994-11-06T08:49:37+01",
        "1994-11-06T08:49:37+01:00Z",
        "1994-11-06T08:49:37GMT",
        "1994-11-06T08:49:37 UTC",
        "1994-11-06T+8:49:37Z",
        "19941106T084937Z",
        "1994-W44-7T08:49:37Z",
        "1994-11-06T08:49:37Z[Europe/Paris]",
        "１994-11-06T08:49:37Z",
        "784111777000",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Nov 6, 1994",
        "",
    ] {
        assert_eq!(iso(text), None, "{text}");
    }
}

#[test]
fn the_three_formats_of_http_are_read() {
    for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
        assert_eq!(http(text), Some(EXAMPLE), "{text}");
    }
    // 2027: 77 is less than fifty years ahead, 78 is more.
    assert_eq!(http("Friday, 01-Jan-76 00:00:00 GMT"), Some(3_345_062_400_000));
    assert_eq!(http("Sunday, 01-Jan-78 00:00:00 GMT"), Some(252_460_800_000));
    assert_eq!(http("Sat, 31 Dec 2016 23:59:60 GMT"), Some(1_483_228_800_000));
}

#[test]
fn other_texts_are_no_dates_of_http() {
    for text in [
        "",
        "Sun",
        "06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  06 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994 GMT",
        "Sunday Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "1994-11-06T08:49:37Z",
        "2026-11-22",
        "11/06/1994",
        "soon",
    ] {
        assert_eq!(http(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_date_is_read_as_jiff_writes_it(millis in 0i64..253_402_300_799_999, minutes in -1439i32..=1439) {
        let at = jiff::Timestamp::from_millisecond(millis).unwrap();
        prop_assert_eq!(iso(&format!("{at:.3}")), Some(millis));
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_seconds(minutes * 60).unwrap());
        let there = at.to_zoned(zone);
        if (0..=9999).contains(&there.year()) {
            prop_assert_eq!(iso(&there.strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string()), Some(millis));
            prop_assert_eq!(iso(&there.strftime("%Y-%m-%dT%H:%M:%S.%3f%z").to_string()), Some(millis));
        }
        let whole = millis.div_euclid(1000) * 1000;
        prop_assert_eq!(http(&DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap()), Some(whole));
        prop_assert_eq!(http(&at.strftime("%a %b %e %H:%M:%S %Y").to_string()), Some(whole));
    }

    /// What is read is what jiff reads as well.
    #[test]
    fn no_text_is_read_otherwise_than_by_jiff(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([.,][0-9]{0,4})?(Z|z|[+-][0-9]{2}:?[0-9]{2}|)") {
        if let Some(millis) = iso(&text) {
            let read: jiff::Timestamp = text.parse().unwrap();
            prop_assert_eq!(read.as_millisecond(), millis);
        }
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in "\\PC{0,40}") {
        prop_assert_eq!((iso(&text), http(&text)), (None, None));
    }
}
