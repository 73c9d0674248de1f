//! Our channels answer as crossbeam's do, to everything that can be asked of them without waiting, in any order: what is sent, received,
//! dropped and when, lengths, errors, the texts of all of it.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "channel_answers/question.rs"]
mod question;
#[path = "common/seed.rs"]
mod seed;

/// What is asked, once for each library.
#[path = "channel_answers"]
#[allow(clippy::duplicate_mod, reason = "the same source for two libraries")]
mod ours {
    use morestack::channel;
    pub mod machine;
}
#[path = "channel_answers"]
#[allow(clippy::duplicate_mod, reason = "the same source for two libraries")]
mod theirs {
    use crossbeam_channel as channel;
    pub mod machine;
}

use everywhere::everywhere;
use question::Question;

const CONVERSATIONS: u64 = 300;
const QUESTIONS: usize = 300;

#[test]
fn the_same_question_has_the_same_answer() {
    everywhere(|| {
        let seed = seed::seed();
        for index in 0..CONVERSATIONS {
            let random = &mut seed::generator(seed, index);
            let (mut ours, mut theirs) = (ours::machine::Machine::default(), theirs::machine::Machine::default());
            let mut asked = vec![];
            // A channel of each kind, and what else comes of the questions.
            let first = [Some(0), Some(1), Some(2), None].map(Question::Make);
            let others = (0..QUESTIONS).map(|n| Question::random(random, 4 + n / 10));
            for question in first.into_iter().chain(others) {
                let (ours, theirs) = (ours.answer(&question), theirs.answer(&question));
                asked.push(question);
                assert_eq!(ours, theirs, "conversation {index} of MORESTACK_TEST_SEED={seed}: {asked:?}");
            }
        }
    });
}

#[test]
fn clocks_answer_the_same() {
    everywhere(|| {
        let ours = ours::machine::Machine::default().answer(&Question::Clocks);
        assert_eq!(ours, theirs::machine::Machine::default().answer(&Question::Clocks));
    });
}
