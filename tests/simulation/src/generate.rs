//! Makes a schedule of a seed.

use crate::cloud::has_agent;
use crate::random::Random;
use crate::schedule::{
    AGENTS, CloudSetup, Does, ENVIRONMENTS, Ending, Fate, Give, Given, Login, ORGS, Page, PageSetup, Repeats, Saying, Says, Schedule,
    SignIn, Signed, Start, StartMany, Step, Stranger, Token, What,
};

/// The schedule of this seed.
pub fn generate(seed: u64) -> Schedule {
    let mut random = Random::new(seed);
    let random = &mut random;
    // Some go well but for one thing; in others nothing does.
    let trouble = random.pick(&[0, 5, 15, 30, 60]);
    let odd_tokens = random.pick(&[0, 0, 10, 30, 60]);
    let pages = 1 + random.below(4);
    let mut schedule = Schedule {
        order: random.below(1 << 32),
        without_locks: random.percent(25),
        clouds: [cloud(random), cloud(random)],
        pages: (0..pages).map(|_| page(random, odd_tokens)).collect(),
        ..Schedule::default()
    };
    // Most of what can go wrong does so where several want the same.
    let org = below(random, ORGS);
    let focus = Start { page: below(random, 4), agent: agent_of(random, org), org: Some(org), ..Start::default() };
    let strangers = if random.percent(20) { 12 } else { 0 };
    for _ in 0..2 + random.below(14) {
        step(random, &focus, odd_tokens, &mut schedule.steps);
        if random.percent(strangers) {
            schedule.steps.push(Step::Stranger(stranger(random, odd_tokens)));
        }
    }
    schedule.fates = (0..random.below(24)).map(|_| fate(random, trouble)).collect();
    schedule.gives = (0..random.below(8)).map(|_| give(random, trouble, odd_tokens)).collect();
    if schedule.pages.iter().any(|page| page.login.is_some()) {
        schedule.sign_ins = (0..random.below(6)).map(|_| sign_in(random, trouble, odd_tokens)).collect();
    }
    schedule.locks_after = if random.percent(50) { None } else { Some(random.pick(&[0, 0, 1, 20, 300, 3_000])) };
    schedule
}

fn below(random: &mut Random, end: u8) -> u8 {
    u8::try_from(random.below(u64::from(end))).unwrap()
}

/// An agent, seldom of another organization.
fn agent_of(random: &mut Random, org: u8) -> u8 {
    let agents: Vec<u8> = (0..AGENTS).filter(|&agent| has_agent(org, agent)).collect();
    if random.percent(90) { random.pick(&agents) } else { below(random, AGENTS) }
}

fn cloud(random: &mut Random) -> CloudSetup {
    CloudSetup {
        guards: random.percent(40),
        reads_header: random.percent(50),
        list_status: if random.percent(80) { 0 } else { random.pick(&[404, 403, 500, 503]) },
        shows_after: if random.percent(75) { 0 } else { random.pick(&[100, 900, 1_000, 3_000, 20_000]) },
        ahead: if random.percent(60) { 0 } else { random.pick(&[-90_000, -3_000, -900, 900, 3_000, 90_000]) },
        hides_date: random.percent(30),
        keeps_refresh_tokens: random.percent(20),
    }
}

fn page(random: &mut Random, odd: u64) -> PageSetup {
    let org = if random.percent(40) { Some(below(random, ORGS)) } else { None };
    let login = random.percent(25).then(|| login(random));
    PageSetup {
        is_same_page: random.percent(30),
        environment: if random.percent(70) { 0 } else { 1 % ENVIRONMENTS },
        org,
        tokens: (0..random.below(3)).map(|_| held(random, odd)).collect(),
        has_source: random.percent(if login.is_some() { 30 } else { 80 }),
        keeps_tokens: random.percent(20),
        without_list: random.percent(10),
        login,
    }
}

fn login(random: &mut Random) -> Login {
    Login {
        redirects: random.percent(30),
        files_wrong_org: random.percent(40),
        prompts: random.percent(10),
        timeout: random.percent(40).then(|| random.pick(&[1, 1_000, 10_000, 30_000])),
    }
}

fn sign_in(random: &mut Random, trouble: u64, odd: u64) -> SignIn {
    let what = if random.percent(10 + trouble) {
        random.pick(&[
            Signed::OtherState,
            Signed::Denied,
            Signed::Fails,
            Signed::Nothing,
            Signed::Closed,
            Signed::Closed,
            Signed::LeftAlone,
            Signed::Blocked,
        ])
    } else {
        Signed::Granted
    };
    let after = if random.percent(50) { delay(random) } else { random.pick(&[500, 3_000, 16_000, 40_000, 130_000]) };
    let mut token = Token { elsewhere: false, ..token(random, odd) };
    let refreshes = random.percent(60);
    if refreshes && random.percent(60) {
        (token.life, token.is_told) = (Some(random.pick(&[1, 1, 2, 3, 10])), true);
    }
    SignIn { after, what, token, refreshes }
}

/// A token that an app has: whose it is counts from the first organization on.
fn held(random: &mut Random, odd: u64) -> Token {
    let base = below(random, ORGS);
    let Token { owner, says, elsewhere, life, is_told } = token(random, odd);
    let org = |offset: u8| (base + offset) % ORGS;
    Token { owner: org(owner), says: if let Says::Org(claim) = says { Says::Org(org(claim)) } else { says }, elsewhere, life, is_told }
}

fn token(random: &mut Random, odd: u64) -> Token {
    let mut token = Token { says: if random.percent(40) { Says::Nothing } else { Says::Truth }, ..Token::default() };
    if random.percent(20) {
        token.life = Some(random.pick(&[3, 10, 60, 600, 3600]));
        token.is_told = random.percent(50);
    }
    if random.percent(odd) {
        match random.below(6) {
            // It names the one that was asked for, and is of another one.
            0 | 1 => (token.owner, token.says) = (1 + below(random, ORGS - 1), Says::Org(0)),
            2 => token.owner = 1 + below(random, ORGS - 1),
            3 => token.elsewhere = true,
            4 => token.life = Some(-10),
            _ => token.says = Says::Little,
        }
    }
    token
}

/// Often such that several come at the same time: a request takes two milliseconds more than its delays.
fn delay(random: &mut Random) -> u32 {
    match random.below(20) {
        0..6 => 0,
        6..12 => random.pick(&[8, 18, 48, 98, 198, 498, 998, 1_998]),
        12..16 => u32::try_from(random.below(50)).unwrap(),
        16..18 => u32::try_from(random.below(3_000)).unwrap(),
        _ => u32::try_from(random.below(25_000)).unwrap(),
    }
}

/// The time that somebody has.
fn time(random: &mut Random) -> u32 {
    if random.percent(70) { random.pick(&[10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]) } else { 1 + delay(random) }
}

fn fate(random: &mut Random, trouble: u64) -> Fate {
    let (fails, wait) = (random.pick(&[500, 502, 503, 504, 408, 421, 425]), random.pick(&[0, 1, 3, 30]));
    let saying = saying(random);
    let what = if random.percent(trouble) {
        random.pick(&[
            What::NotSent,
            What::LostBefore,
            What::LostAfter,
            What::LostAfter,
            What::SilentBefore,
            What::SilentAfter,
            What::FailsBefore(fails),
            What::FailsAfter(fails),
            What::Unauthenticated,
            What::OfAnotherOrg,
            What::WithoutScope,
            What::NotFound,
            What::Conflict,
            What::TooMany(None),
            What::TooMany(Some(wait)),
            What::TooManySaying(saying),
            What::Garbage,
            What::Empty,
            What::NamesAnother,
        ])
    } else {
        What::Fine
    };
    // Seldom where all else goes well, so that there is something to go on with.
    let repeats = if random.percent(1 + trouble / 3) { repeats(random) } else { Repeats::Nothing };
    let date_off = match random.percent(1 + trouble / 10) {
        true => random.pick(&[-100_000, -7_200, 7_200, 100_000]),
        false => 0,
    };
    Fate { to: delay(random), back: delay(random), can_be_stopped: random.percent(30), what, repeats, date_off }
}

fn repeats(random: &mut Random) -> Repeats {
    random.pick(&[Repeats::Plain, Repeats::Escaped, Repeats::RetryAfter, Repeats::Deep, Repeats::Within, Repeats::CorrelationId])
}

fn saying(random: &mut Random) -> Saying {
    let seconds = u32::try_from(random.below(6)).unwrap();
    let from_now = random.pick(&[-60, 0, 1, 2, 3, 5, 10]);
    let digits = random.pick(&[5, 7, 10, 30]);
    random.pick(&[
        Saying::Fraction(seconds),
        Saying::Plus(seconds),
        Saying::Blanks(seconds),
        Saying::Zeros(seconds),
        Saying::Negative(seconds),
        Saying::Date(from_now),
        Saying::Date(from_now),
        Saying::Date(10_000_000),
        Saying::IsoDate(from_now),
        Saying::Words,
        Saying::Digits(digits),
        Saying::Empty,
    ])
}

fn give(random: &mut Random, trouble: u64, odd: u64) -> Give {
    let what = if random.percent(trouble) {
        random.pick(&[Given::Again, Given::Again, Given::Null, Given::Fails, Given::Hangs])
    } else {
        Given::New(token(random, odd))
    };
    Give { after: delay(random), what }
}

fn start(random: &mut Random, focus: &Start) -> Start {
    let mut start = focus.clone();
    if random.percent(60) {
        start.page = below(random, 4);
    }
    if random.percent(30) {
        let org = if random.percent(50) { below(random, ORGS) } else { focus.org.unwrap_or_default() };
        start.org = Some(org);
        // An agent of both may be one of two people.
        if !has_agent(org, start.agent) || random.percent(40) {
            start.agent = agent_of(random, org);
        }
    }
    if random.percent(15) {
        start.org = None;
    }
    start.is_other_type = random.percent(5);
    start.is_alone = random.percent(10);
    start.timeout = random.percent(25).then(|| time(random));
    start.abort_after = random.percent(15).then(|| time(random) - 1);
    start
}

fn stranger(random: &mut Random, odd: u64) -> Stranger {
    let token = token(random, odd.max(30));
    let does = random.pick(&[
        Does::HoldsStart,
        Does::HoldsStart,
        Does::HoldsToken,
        Does::HoldsToken,
        Does::SharesSilence,
        Does::SharesNothing,
        Does::SharesNonsense,
        Does::Shares(token),
        Does::Shares(token),
    ]);
    let holds = matches!(does, Does::HoldsStart | Does::HoldsToken);
    let is_for_ever = random.percent(if holds { 20 } else { 70 });
    Stranger { which: below(random, 4), does, time: (!is_for_ever).then(|| time(random)) }
}

fn step(random: &mut Random, focus: &Start, odd: u64, steps: &mut Vec<Step>) {
    let at = below(random, 4);
    let org = if random.percent(60) { focus.org.unwrap_or_default() } else { below(random, ORGS) };
    match random.below(100) {
        0..30 => {
            for _ in 0..1 + random.below(3) {
                steps.push(Step::Start(start(random, focus)));
            }
        }
        30..33 => {
            let one = start(random, focus);
            let starts = (0..1 + random.below(4)).map(|_| start(random, focus)).map(|start| (start.agent, start.org)).collect();
            steps.push(Step::StartMany(StartMany {
                page: one.page,
                starts,
                concurrency: below(random, 4),
                a_minute: if random.percent(30) { 1 + below(random, 8) } else { 0 },
                timeout: one.timeout,
                abort_after: one.abort_after,
            }));
        }
        33..63 => steps.push(Step::Advance(if random.percent(50) { delay(random) } else { time(random) })),
        63..65 => steps.push(Step::Turns(1 + below(random, 6))),
        65 => steps.push(Step::SetClock(random.pick(&[-86_400_000, -3_600_000, -20_000, 20_000, 3_600_000, 86_400_000]))),
        66 => {
            let millis = random.pick(&[500, 3_000, 20_000, 100_000, 400_000, 3_600_000]);
            steps.push(Step::Sleep { millis, stands_still: random.percent(50) });
        }
        67..70 => steps.push(Step::Stop(Page(at, below(random, 4)))),
        70..72 => steps.push(Step::Look(Page(at, below(random, 4)))),
        72..75 => steps.push(Step::List(Page(at, random.percent(50).then_some(focus.agent)))),
        75..79 => steps.push(Step::Switch(Page(at, org))),
        79..83 => steps.push(Step::AddToken(Page(at, held(random, odd)))),
        83..85 => steps.push(Step::AddAgain(Page(at, below(random, 8)))),
        85..88 => steps.push(Step::SignOut(Page(at, random.percent(70).then_some(org)))),
        88..91 => steps.push(Step::Close(Page(at, ()))),
        91..94 => {
            steps.push(Step::Reload(Page(at, random.pick(&[Ending::Closed, Ending::Dropped, Ending::Gone]))));
            if random.percent(50) {
                steps.push(Step::Start(Start { page: at, ..start(random, focus) }));
            }
        }
        94..97 => steps.push(Step::Abort(below(random, 4))),
        _ => steps.push(Step::Revoke { environment: below(random, ENVIRONMENTS), org, is_expiry: random.percent(50) }),
    }
}
