//! What becomes of upgrades, for whoever reads the node's log.

use quids_api::upgrade::{Proposal, ProposalId, Stage};
use quids_core::Height;
use std::collections::BTreeMap;

/// The open proposals of the last look.
#[derive(Default)]
pub(super) struct Chronicle {
    known: BTreeMap<ProposalId, Proposal>,
    /// The height then, and the version that ran; `None`: unknown.
    height: Option<Height>,
    version: Option<u32>,
    /// Whether there was a look: what was there at the first one is no news.
    has_looked: bool,
}

/// Something that happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Plain(String),
    /// That somebody may not have meant.
    Odd(String),
}

impl News {
    pub fn tell(&self) {
        match self {
            Self::Plain(text) => tracing::info!("{text}"),
            Self::Odd(text) => tracing::warn!("{text}"),
        }
    }
}

impl Chronicle {
    /// What a witness knows of, it has seen to happen.
    pub fn of_witness() -> Self {
        Self {
            has_looked: true,
            ..Self::default()
        }
    }

    /// What happened since the last look: after the block at `height`, whose child runs `version`. A witness knows neither.
    pub fn look(
        &mut self,
        height: Option<Height>,
        version: Option<u32>,
        proposals: &[(ProposalId, Proposal)],
    ) -> Vec<News> {
        let mut news = Vec::new();
        let mut taken = None;
        if let (Some(was), Some(is)) = (self.version, version)
            && was != is
        {
            taken = Some(is);
            news.push(News::Plain(format!(
                "the chain's code is replaced: version {is} runs after version {was}{}",
                self.since(height)
            )));
        }
        let gone = self.known.iter();
        let gone = gone.filter(|(id, _)| !proposals.iter().any(|(other, _)| other == *id));
        let is_next = self.is_next(height);
        news.extend(gone.map(|(id, proposal)| end(*id, proposal, taken, version.is_some() && is_next)));
        for (id, proposal) in proposals {
            news.extend(progress(*id, self.known.get(id), proposal));
        }
        self.known = proposals.iter().cloned().collect();
        (self.version, self.height) = (version, height);
        match std::mem::replace(&mut self.has_looked, true) {
            true => news,
            false => Vec::new(),
        }
    }

    /// Whether no block came between the last look and this one.
    fn is_next(&self, height: Option<Height>) -> bool {
        self.height
            .is_some_and(|last| height == Some(last.saturating_add(Height(1))))
    }

    /// The first block of what is new at this height.
    fn since(&self, height: Option<Height>) -> String {
        let Some(height) = height else { return String::new() };
        let first = height.saturating_add(Height(1));
        match self.is_next(Some(height)) {
            true => format!(", from block {first} on"),
            false => format!(", at block {first} at the latest"),
        }
    }
}

/// `taken`: the version of the code that is the chain's since. `is_known`: all that happened is.
fn end(id: ProposalId, proposal: &Proposal, taken: Option<u32>, is_known: bool) -> News {
    if taken == Some(proposal.spec_version) {
        return News::Plain(format!("proposal {id} is carried out: its code is the chain's"));
    }
    match (proposal.stage, is_known) {
        (Stage::Scheduled { at }, true) => News::Odd(format!(
            "proposal {id}, which was to run from block {at} on, is gone and its code is not the chain's: it was cancelled, or its last \
             check failed, as the event Upgrade.ActivationFailed and this log say"
        )),
        (Stage::Open { .. }, true) => {
            News::Plain(format!("proposal {id} is gone: it was cancelled, or its time is over"))
        }
        (_, false) => News::Plain(format!(
            "proposal {id} is gone: it was carried out or cancelled, or its time is over"
        )),
    }
}

/// What is new of a proposal, or not true any more.
fn progress(id: ProposalId, was: Option<&Proposal>, is: &Proposal) -> Vec<News> {
    let version = is.spec_version;
    let has = |flag: fn(&Proposal) -> bool| (was.is_some_and(flag), flag(is));
    let mut news = Vec::new();
    if was.is_none() {
        news.push(News::Plain(format!("proposal {id} is a runtime of version {version}")));
    }
    match has(|proposal| proposal.is_approved) {
        (false, true) => news.push(News::Plain(format!("proposal {id} is approved"))),
        (true, false) => news.push(News::Odd(format!("proposal {id} is not approved any more"))),
        _ => {}
    }
    if has(|proposal| proposal.is_checked) == (false, true) {
        news.push(News::Plain(format!("the code of proposal {id} is there and checked")));
    }
    match (was.map(|was| was.stage), is.stage) {
        (was, Stage::Scheduled { at }) if was != Some(is.stage) => news.push(News::Plain(format!(
            "proposal {id} is scheduled: version {version} runs from block {at} on"
        ))),
        (Some(Stage::Scheduled { .. }), Stage::Open { .. }) => {
            news.push(News::Odd(format!("proposal {id} is not scheduled any more")));
        }
        _ => {}
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ahead::sample_proposal;

    fn proposal(is_approved: bool, is_checked: bool, at: Option<u32>) -> Vec<(ProposalId, Proposal)> {
        let stage = at.map_or(sample_proposal().stage, |at| Stage::Scheduled { at: Height(at) });
        let proposal = Proposal {
            is_approved,
            is_checked,
            stage,
            ..sample_proposal()
        };
        vec![(7, proposal)]
    }

    /// Looks, and asks for these news in their order; those that begin with `!` are odd.
    fn check(chronicle: &mut Chronicle, at: Option<(u32, u32)>, proposals: &[(ProposalId, Proposal)], told: &[&str]) {
        let (height, version) = at.unzip();
        let news = chronicle.look(height.map(Height), version, proposals);
        assert_eq!(news.len(), told.len(), "{at:?}: {news:?}");
        for (news, told) in news.iter().zip(told) {
            let holds = match (news, told.strip_prefix('!')) {
                (News::Odd(text), Some(words)) => text.contains(words),
                (News::Plain(text), None) => text.contains(told),
                _ => false,
            };
            assert!(holds, "{news:?}, not {told:?}");
        }
    }

    #[test]
    fn each_step_is_told_once_and_how_it_ended() {
        let mut chronicle = Chronicle::default();
        let mut look = |height, version, proposals: &[_], told: &[&str]| {
            check(&mut chronicle, Some((height, version)), proposals, told);
        };
        look(1, 1, &[(3, sample_proposal())], &[]);
        look(2, 1, &[], &["proposal 3 is gone: it was cancelled"]);
        let open = proposal(false, false, None);
        look(3, 1, &open, &["7 is a runtime of version 2"]);
        look(4, 1, &open, &[]);
        look(5, 1, &proposal(true, false, None), &["7 is approved"]);
        let scheduled = proposal(true, true, Some(20));
        look(
            6,
            1,
            &scheduled,
            &["is there and checked", "version 2 runs from block 20 on"],
        );
        look(
            7,
            1,
            &proposal(false, true, None),
            &["!not approved any more", "!not scheduled any more"],
        );
        look(8, 1, &scheduled, &["7 is approved", "version 2 runs from block 20 on"]);
        look(18, 1, &scheduled, &[]);
        let replaced = "version 2 runs after version 1, from block 20 on";
        look(19, 2, &[], &[replaced, "7 is carried out"]);
        look(
            20,
            2,
            &scheduled,
            &["7 is a runtime", "7 is approved", "checked", "from block 20 on"],
        );
        // Another of the same version runs.
        look(21, 2, &[], &["!its code is not the chain's"]);
        look(22, 2, &open, &["7 is a runtime"]);
        // Many blocks later: nobody saw what happened between.
        let replaced = "version 3 runs after version 2, at block 91 at the latest";
        look(90, 3, &[], &[replaced, "carried out or cancelled"]);
        look(91, 3, &open, &["7 is a runtime"]);
        look(99, 2, &[], &["version 2 runs after version 3", "7 is carried out"]);
    }

    #[test]
    fn a_witness_tells_what_it_saw() {
        let mut witness = Chronicle::of_witness();
        check(
            &mut witness,
            None,
            &proposal(true, false, None),
            &["7 is a runtime", "7 is approved"],
        );
        check(&mut witness, None, &[], &["carried out or cancelled"]);
    }
}
