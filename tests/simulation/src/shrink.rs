//! Makes a schedule as small as it gets without losing what is sought in it, such as a broken invariant.

use crate::schedule::{CloudSetup, Fate, Give, Login, PageSetup, Repeats, Schedule, SignIn, Signed, Start, Step, Stranger, Token, What};

/// How many runs it may take.
const MOST_RUNS: usize = 20_000;

struct Shrinking<F> {
    best: Schedule,
    is_such: F,
    runs: usize,
}

/// The smallest schedule found that is such a one. The given one has to be.
pub fn shrink(schedule: &Schedule, is_such: impl Fn(&Schedule) -> bool) -> Schedule {
    let mut shrinking = Shrinking { best: schedule.clone(), is_such, runs: 0 };
    while shrinking.pass() && shrinking.runs < MOST_RUNS {}
    shrinking.best
}

impl<F: Fn(&Schedule) -> bool> Shrinking<F> {
    fn try_with(&mut self, change: impl FnOnce(&mut Schedule)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate);
        if candidate == self.best || self.runs >= MOST_RUNS {
            return false;
        }
        self.runs += 1;
        let is_such = (self.is_such)(&candidate);
        if is_such {
            self.best = candidate;
        }
        is_such
    }

    /// Tries everything once; says whether anything helped.
    fn pass(&mut self) -> bool {
        let before = self.best.clone();
        self.remove(|schedule| &mut schedule.steps);
        self.remove(|schedule| &mut schedule.fates);
        self.remove(|schedule| &mut schedule.gives);
        self.remove(|schedule| &mut schedule.sign_ins);
        self.remove(|schedule| &mut schedule.pages);
        self.each(|schedule| &mut schedule.steps, simpler_steps);
        self.each(|schedule| &mut schedule.fates, simpler_fates);
        self.each(|schedule| &mut schedule.gives, simpler_gives);
        self.each(|schedule| &mut schedule.sign_ins, simpler_sign_ins);
        self.each(|schedule| &mut schedule.pages, simpler_pages);
        for at in 0..self.best.clouds.len() {
            self.try_with(|schedule| schedule.clouds[at] = CloudSetup::default());
            self.try_with(|schedule| schedule.clouds[at].guards = false);
            self.try_with(|schedule| schedule.clouds[at].reads_header = false);
            self.try_with(|schedule| schedule.clouds[at].list_status = 0);
            self.try_with(|schedule| schedule.clouds[at].shows_after = 0);
            self.try_with(|schedule| schedule.clouds[at].ahead = 0);
            self.try_with(|schedule| schedule.clouds[at].hides_date = false);
            self.try_with(|schedule| schedule.clouds[at].keeps_refresh_tokens = false);
        }
        self.try_with(|schedule| schedule.without_locks = false);
        self.try_with(|schedule| schedule.locks_after = None);
        for order in 0..4 {
            if order < self.best.order && self.try_with(|schedule| schedule.order = order) {
                break;
            }
        }
        self.best != before
    }

    /// Leaves out parts of a list, large ones first.
    fn remove<T: Clone>(&mut self, list: impl Fn(&mut Schedule) -> &mut Vec<T>) {
        let mut size = list(&mut self.best.clone()).len();
        while size > 0 {
            let mut at = 0;
            while at < list(&mut self.best.clone()).len() {
                let is_gone = self.try_with(|schedule| {
                    let list = list(schedule);
                    let end = (at + size).min(list.len());
                    list.drain(at..end);
                });
                if !is_gone {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    fn each<T: Clone>(&mut self, list: impl Fn(&mut Schedule) -> &mut Vec<T>, simpler: impl Fn(&T) -> Vec<T>) {
        for at in 0..list(&mut self.best.clone()).len() {
            let mut is_smaller = true;
            while is_smaller {
                let items = list(&mut self.best.clone()).clone();
                let Some(item) = items.get(at) else { break };
                is_smaller = simpler(item).into_iter().any(|candidate| self.try_with(|schedule| list(schedule)[at] = candidate));
            }
        }
    }
}

fn smaller(number: u32) -> Vec<u32> {
    let mut tries: Vec<u32> = vec![0, number / 2, number - number / 10, number.saturating_sub(1)];
    tries.retain(|&other| other < number);
    tries
}

fn simpler_fates(fate: &Fate) -> Vec<Fate> {
    let mut tries = vec![Fate::default(), Fate { what: What::Fine, ..fate.clone() }, Fate { can_be_stopped: false, ..fate.clone() }];
    tries.push(Fate { repeats: Repeats::Nothing, ..fate.clone() });
    tries.push(Fate { date_off: 0, ..fate.clone() });
    if let What::TooManySaying(_) = fate.what {
        tries.push(Fate { what: What::TooMany(None), ..fate.clone() });
    }
    tries.extend(smaller(fate.to).into_iter().map(|to| Fate { to, ..fate.clone() }));
    tries.extend(smaller(fate.back).into_iter().map(|back| Fate { back, ..fate.clone() }));
    tries.retain(|other| other != fate);
    tries
}

fn simpler_gives(give: &Give) -> Vec<Give> {
    let mut tries = vec![Give::default()];
    tries.extend(smaller(give.after).into_iter().map(|after| Give { after, ..give.clone() }));
    tries.retain(|other| other != give);
    tries
}

fn simpler_sign_ins(sign_in: &SignIn) -> Vec<SignIn> {
    let mut tries = vec![
        SignIn::default(),
        SignIn { what: Signed::Granted, ..sign_in.clone() },
        SignIn { token: Token::default(), ..sign_in.clone() },
        SignIn { refreshes: false, ..sign_in.clone() },
    ];
    tries.extend(smaller(sign_in.after).into_iter().map(|after| SignIn { after, ..sign_in.clone() }));
    tries.retain(|other| other != sign_in);
    tries
}

fn simpler_pages(page: &PageSetup) -> Vec<PageSetup> {
    let mut tries = vec![
        PageSetup::default(),
        PageSetup { is_same_page: false, ..page.clone() },
        PageSetup { without_list: false, ..page.clone() },
        PageSetup { org: None, ..page.clone() },
        PageSetup { keeps_tokens: false, ..page.clone() },
        PageSetup { environment: 0, ..page.clone() },
        PageSetup { has_source: false, ..page.clone() },
        PageSetup { login: None, ..page.clone() },
        PageSetup { login: page.login.as_ref().map(|_| Login::default()), ..page.clone() },
    ];
    tries.extend((0..page.tokens.len()).map(|at| {
        let mut other = page.clone();
        other.tokens.remove(at);
        other
    }));
    tries.retain(|other| other != page);
    tries
}

fn simpler_steps(step: &Step) -> Vec<Step> {
    let mut tries = match step {
        Step::Advance(millis) => smaller(*millis).into_iter().map(Step::Advance).collect(),
        &Step::Sleep { millis, stands_still } => {
            let mut tries = vec![Step::Sleep { millis, stands_still: false }];
            tries.extend(smaller(millis).into_iter().map(|millis| Step::Sleep { millis, stands_still }));
            tries
        }
        Step::Start(start) => vec![
            Step::Start(Start { abort_after: None, ..start.clone() }),
            Step::Start(Start { timeout: None, ..start.clone() }),
            Step::Start(Start { is_alone: false, ..start.clone() }),
            Step::Start(Start { is_other_type: false, ..start.clone() }),
            Step::Start(Start { page: 0, ..start.clone() }),
            Step::Start(Start { agent: 0, ..start.clone() }),
            Step::Start(Start { org: Some(0), ..start.clone() }),
        ],
        Step::Stranger(stranger) => {
            let mut tries = vec![Stranger { which: 0, ..stranger.clone() }];
            tries.extend(
                stranger.time.map(smaller).unwrap_or_default().into_iter().map(|time| Stranger { time: Some(time), ..stranger.clone() }),
            );
            tries.into_iter().map(Step::Stranger).collect()
        }
        _ => Vec::new(),
    };
    if let Step::Start(start) = step {
        let times = |time: Option<u32>| time.map(smaller).unwrap_or_default();
        tries.extend(
            times(start.timeout)
                .into_iter()
                .filter(|&time| time > 0)
                .map(|time| Step::Start(Start { timeout: Some(time), ..start.clone() })),
        );
        tries.extend(times(start.abort_after).into_iter().map(|time| Step::Start(Start { abort_after: Some(time), ..start.clone() })));
    }
    tries.retain(|other| other != step);
    tries
}
