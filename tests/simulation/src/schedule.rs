//! A schedule: everything that happens from outside, as plain data. The same schedule always runs the same.

use serde::{Deserialize, Serialize};

/// How many environments there are. Each has the same organizations and agents.
pub const ENVIRONMENTS: u8 = 2;
/// How many organizations there are.
pub const ORGS: u8 = 3;
/// How many agents there are.
pub const AGENTS: u8 = 3;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What happens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// In which order tasks are polled that are ready at the same time; 0: in the order in which they were woken.
    #[serde(skip_serializing_if = "is_default")]
    pub order: u64,
    /// Whether the platform lacks Web Locks.
    #[serde(skip_serializing_if = "is_default")]
    pub without_locks: bool,
    /// How long a page waits until it learns whether a lock is free, in milliseconds: until another page has handed its locks over.
    /// 0 in a page that grants its locks by itself. Without a number, it learns that in its next turn.
    #[serde(skip_serializing_if = "is_default")]
    pub locks_after: Option<u32>,
    /// The environments' clouds.
    #[serde(skip_serializing_if = "is_default")]
    pub clouds: [CloudSetup; ENVIRONMENTS as usize],
    /// The pages, all of one origin.
    #[serde(skip_serializing_if = "is_default")]
    pub pages: Vec<PageSetup>,
    /// What people and apps do.
    #[serde(skip_serializing_if = "is_default")]
    pub steps: Vec<Step>,
    /// What becomes of the requests, in the order in which they are sent; the ones after that are carried out and answered.
    #[serde(skip_serializing_if = "is_default")]
    pub fates: Vec<Fate>,
    /// What token sources give, in the order in which they are asked; after that, the token asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub gives: Vec<Give>,
    /// What becomes of sign-ins, in the order in which they begin; after that, somebody signs in at once.
    #[serde(skip_serializing_if = "is_default")]
    pub sign_ins: Vec<SignIn>,
}

/// How an environment's cloud behaves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloudSetup {
    /// Whether it refuses (409) to record an agent twice.
    #[serde(skip_serializing_if = "is_default")]
    pub guards: bool,
    /// Whether it refuses a token of another organization than the header names, wherever the agent is.
    #[serde(skip_serializing_if = "is_default")]
    pub reads_header: bool,
    /// What it answers when asked for recordings: 0 for the list.
    #[serde(skip_serializing_if = "is_default")]
    pub list_status: u16,
    /// How long after it began it shows a recording, in a list or by its id, in milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub shows_after: u32,
    /// How far its clock is ahead, in milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub ahead: i32,
    /// Whether `Date` cannot be read.
    #[serde(skip_serializing_if = "is_default")]
    pub hides_date: bool,
    /// Whether its login origin leaves a refresh token good that was used.
    #[serde(skip_serializing_if = "is_default")]
    pub keeps_refresh_tokens: bool,
}

/// A page, and the options of its recorder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageSetup {
    /// Whether it is the same page as the one before, with another recorder.
    #[serde(skip_serializing_if = "is_default")]
    pub is_same_page: bool,
    /// The environment.
    #[serde(skip_serializing_if = "is_default")]
    pub environment: u8,
    /// `orgId`.
    #[serde(skip_serializing_if = "is_default")]
    pub org: Option<u8>,
    /// `tokens`.
    #[serde(skip_serializing_if = "is_default")]
    pub tokens: Vec<Token>,
    /// Whether there is a `getToken`.
    #[serde(skip_serializing_if = "is_default")]
    pub has_source: bool,
    /// Whether tokens are kept from other pages.
    #[serde(skip_serializing_if = "is_default")]
    pub keeps_tokens: bool,
    /// Whether its contract has no list.
    #[serde(skip_serializing_if = "is_default")]
    pub without_list: bool,
    /// `login`.
    #[serde(skip_serializing_if = "is_default")]
    pub login: Option<Login>,
}

/// How people sign in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Login {
    /// Whether `mode` is `redirect`.
    #[serde(skip_serializing_if = "is_default")]
    pub redirects: bool,
    /// Whether `wrongOrg` is `file`.
    #[serde(skip_serializing_if = "is_default")]
    pub files_wrong_org: bool,
    /// Whether `prompt` is `login`.
    #[serde(skip_serializing_if = "is_default")]
    pub prompts: bool,
    /// `timeoutMs`.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: Option<u32>,
}

/// What becomes of a sign-in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignIn {
    /// How long the person takes, in milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub after: u32,
    /// What happens.
    #[serde(skip_serializing_if = "is_default")]
    pub what: Signed,
    /// The token that it leads to.
    #[serde(skip_serializing_if = "is_default")]
    pub token: Token,
    /// Whether a refresh token comes with it.
    #[serde(skip_serializing_if = "is_default")]
    pub refreshes: bool,
}

/// What happens to a sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Signed {
    /// Somebody signs in.
    #[default]
    Granted,
    /// A code comes back with another state than the request's.
    OtherState,
    /// `access_denied`.
    Denied,
    /// `server_error`.
    Fails,
    /// Neither a code nor an error comes back.
    Nothing,
    /// The person closes the window, or does not come back.
    Closed,
    /// Nobody does anything.
    LeftAlone,
    /// No window opens, or nothing can be kept for the way back.
    Blocked,
}

/// A token, and what is true of it. Organizations count from the one that was asked for, or else from the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Token {
    /// Whose it is.
    #[serde(skip_serializing_if = "is_default")]
    pub owner: u8,
    /// What it says of itself.
    #[serde(skip_serializing_if = "is_default")]
    pub says: Says,
    /// Whether it is of another environment.
    #[serde(skip_serializing_if = "is_default")]
    pub elsewhere: bool,
    /// Its life in seconds, if it is short or over.
    #[serde(skip_serializing_if = "is_default")]
    pub life: Option<i32>,
    /// Whether its source tells its life.
    #[serde(skip_serializing_if = "is_default")]
    pub is_told: bool,
}

/// What a token says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Says {
    /// A JWT that says whose it is.
    #[default]
    Truth,
    /// A JWT that names this organization.
    Org(u8),
    /// A JWT that names none.
    Little,
    /// Opaque.
    Nothing,
}

/// What a token source does when it is asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Give {
    /// How long it takes, in milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub after: u32,
    /// What it gives.
    pub what: Given,
}

/// What a token source gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Given {
    /// A new token.
    New(Token),
    /// The very token that it gave before.
    Again,
    /// Null.
    Null,
    /// It rejects.
    Fails,
    /// It never answers.
    Hangs,
}

impl Default for Given {
    fn default() -> Given {
        Given::New(Token::default())
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fate {
    /// How much later than at once it arrives, in milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub to: u32,
    /// How much later its answer arrives, in milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub back: u32,
    /// Whether it no longer arrives where its sender gave up before.
    #[serde(skip_serializing_if = "is_default")]
    pub can_be_stopped: bool,
    /// What happens.
    #[serde(skip_serializing_if = "is_default")]
    pub what: What,
    /// Where the answer repeats the token that the request carried.
    #[serde(skip_serializing_if = "is_default")]
    pub repeats: Repeats,
    /// How far the answer's `Date` is off, in seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub date_off: i32,
}

/// Where an answer repeats the request's token, as a proxy's answer might.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Repeats {
    /// Nowhere.
    #[default]
    Nothing,
    /// In the body.
    Plain,
    /// In the body, each character as a JSON escape such as `\u0041`.
    Escaped,
    /// In the body, escaped, below more levels of JSON than the library reads.
    Deep,
    /// In the body, escaped, in JSON that is itself a text of the body and so is escaped twice.
    Within,
    /// In `ININ-Correlation-Id`.
    CorrelationId,
    /// In `Retry-After`.
    RetryAfter,
}

impl Repeats {
    /// Whether the library may replace the whole body because it finds the token in it.
    pub fn may_hide_body(self) -> bool {
        matches!(self, Repeats::Escaped | Repeats::Deep | Repeats::Within)
    }
}

/// A `Retry-After` that is more than a plain number of seconds. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Saying {
    /// `3.5`.
    Fraction(u32),
    /// `+3`.
    Plus(u32),
    /// ` 3 `.
    Blanks(u32),
    /// `003`.
    Zeros(u32),
    /// `-3`.
    Negative(u32),
    /// HTTP's date of so many seconds from now, by the cloud's clock.
    Date(i32),
    /// The same as an ISO 8601 date.
    IsoDate(i32),
    /// A word.
    Words,
    /// A number with so many digits.
    Digits(u8),
    /// Nothing.
    Empty,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// It is carried out and answered.
    #[default]
    Fine,
    /// It never leaves, and that is known.
    NotSent,
    /// It is lost on its way.
    LostBefore,
    /// It is carried out, and the answer is lost.
    LostAfter,
    /// It is lost, and nobody hears of it.
    SilentBefore,
    /// It is carried out, and nobody hears of it.
    SilentAfter,
    /// The cloud fails before it carries it out.
    FailsBefore(u16),
    /// The cloud fails after it has carried it out.
    FailsAfter(u16),
    /// 401.
    Unauthenticated,
    /// 403: the token is of another organization than the agent.
    OfAnotherOrg,
    /// 403: the token lacks the scope.
    WithoutScope,
    /// 404.
    NotFound,
    /// 409, whatever runs.
    Conflict,
    /// 429, with so many seconds to wait.
    TooMany(Option<u32>),
    /// 429, with this `Retry-After`.
    TooManySaying(Saying),
    /// It is carried out; the answer is no JSON.
    Garbage,
    /// It is carried out; the answer is empty.
    Empty,
    /// It is carried out; the answer names another agent.
    NamesAnother,
}

/// What somebody does. Pages count round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// `startRecording`.
    Start(Start),
    /// `startRecordings`.
    StartMany(StartMany),
    /// `stopRecording` of one that was started in the page's environment.
    Stop(Page<u8>),
    /// `recording` of one that was started in the page's environment.
    Look(Page<u8>),
    /// `recordings`.
    List(Page<Option<u8>>),
    /// `switchOrg`.
    Switch(Page<u8>),
    /// `addToken`.
    AddToken(Page<Token>),
    /// `addToken` with one that was given in this environment before.
    AddAgain(Page<u8>),
    /// `signOut`.
    SignOut(Page<Option<u8>>),
    /// `close`.
    Close(Page<()>),
    /// The page has another recorder.
    Reload(Page<Ending>),
    /// A call is aborted, counted from the last one.
    Abort(u8),
    /// A script that is not the library's does something under a name that the library uses.
    Stranger(Stranger),
    /// Time goes by, in milliseconds.
    Advance(u32),
    /// Somebody sets the machine's clock, forward or back by so many milliseconds.
    SetClock(i32),
    /// The machine sleeps.
    Sleep {
        /// For so many milliseconds.
        millis: u32,
        /// Whether the pages' monotonic clocks and timers stand still meanwhile.
        stands_still: bool,
    },
    /// So many tasks are polled.
    Turns(u8),
    /// The tokens of an organization end, in an environment.
    Revoke {
        /// The environment.
        environment: u8,
        /// The organization.
        org: u8,
        /// Whether they count as expired.
        is_expiry: bool,
    },
}

/// A script of the same origin that is not the library's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stranger {
    /// Which of the names that the library has used for this purpose so far. They count round.
    pub which: u8,
    /// What it does.
    pub does: Does,
    /// For how long, in milliseconds; nothing: for ever.
    #[serde(default, skip_serializing_if = "is_default")]
    pub time: Option<u32>,
}

/// What a stranger does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Does {
    /// Holds the lock of a start.
    HoldsStart,
    /// Holds the lock under which tokens are obtained.
    HoldsToken,
    /// Shares tokens, and does not answer.
    SharesSilence,
    /// Shares tokens, and has none.
    SharesNothing,
    /// Shares what is no token.
    SharesNonsense,
    /// Shares this token.
    Shares(Token),
}

/// Something in a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page<T>(pub u8, pub T);

/// What becomes of the recorder that a page has had.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ending {
    /// It is closed.
    Closed,
    /// Nobody has it any more; its calls go on.
    Dropped,
    /// The page is gone, with all that it did.
    Gone,
}

/// A start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Start {
    /// The page.
    #[serde(skip_serializing_if = "is_default")]
    pub page: u8,
    /// The agent.
    #[serde(skip_serializing_if = "is_default")]
    pub agent: u8,
    /// `orgId`.
    #[serde(skip_serializing_if = "is_default")]
    pub org: Option<u8>,
    /// Whether `recordingType` is another one.
    #[serde(skip_serializing_if = "is_default")]
    pub is_other_type: bool,
    /// Whether it is shared with nobody.
    #[serde(skip_serializing_if = "is_default")]
    pub is_alone: bool,
    /// `timeoutMs`.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: Option<u32>,
    /// When it is aborted, in milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub abort_after: Option<u32>,
}

/// Many starts at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StartMany {
    /// The page.
    #[serde(skip_serializing_if = "is_default")]
    pub page: u8,
    /// The agents, each with its organization.
    #[serde(skip_serializing_if = "is_default")]
    pub starts: Vec<(u8, Option<u8>)>,
    /// `concurrency`; 0: as many as usual.
    #[serde(skip_serializing_if = "is_default")]
    pub concurrency: u8,
    /// `requestsPerMinute`; 0: as many as usual.
    #[serde(skip_serializing_if = "is_default")]
    pub a_minute: u8,
    /// `timeoutMs`.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: Option<u32>,
    /// When it is aborted, in milliseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub abort_after: Option<u32>,
}

impl Schedule {
    /// The schedule as one line.
    pub fn compact(&self) -> String {
        serde_json::to_string(self).unwrap()
    }

    /// Reads such a line.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let json = |value: serde_json::Result<String>| value.unwrap();
        let locks = if self.without_locks { "no".to_owned() } else { format!("yes, after {:?}", self.locks_after) };
        writeln!(f, "  Web Locks: {locks}, order of polls: {}", self.order)?;
        for (at, cloud) in self.clouds.iter().enumerate() {
            writeln!(f, "  cloud {at}: {}", json(serde_json::to_string(cloud)))?;
        }
        for (at, page) in self.pages.iter().enumerate() {
            writeln!(f, "  page {at}: {}", json(serde_json::to_string(page)))?;
        }
        for step in &self.steps {
            writeln!(f, "  {}", json(serde_json::to_string(step)))?;
        }
        for (at, fate) in self.fates.iter().enumerate() {
            writeln!(f, "  request {}: {}", at + 1, json(serde_json::to_string(fate)))?;
        }
        for (at, give) in self.gives.iter().enumerate() {
            writeln!(f, "  getToken {}: {}", at + 1, json(serde_json::to_string(give)))?;
        }
        for (at, sign_in) in self.sign_ins.iter().enumerate() {
            writeln!(f, "  sign-in {}: {}", at + 1, json(serde_json::to_string(sign_in)))?;
        }
        Ok(())
    }
}
