//! The names of a program are not those of `select!`'s expansion, whatever they are; and `select!` can be used by other macros.

use morestack::channel::{bounded, unbounded};

#[test]
fn locals_of_the_program_keep_their_meaning() {
    let (handle0, handle1) = unbounded();
    let (selected, result, none) = (1, 2, 3);
    morestack::channel::select! {
        send(handle0, selected + result + none) -> result => result.unwrap(),
        recv(handle1) -> _ => panic!("it is empty"),
    }
    morestack::channel::select! {
        recv(handle1) -> handle1 => assert_eq!(handle1, Ok(selected + result + none)),
        default => panic!("there is one"),
    }
    let handle1 = morestack::channel::select! {
        recv(handle1) -> _ => panic!("it is empty"),
        recv(handle1) -> _ => panic!("it is empty"),
        default => (selected, result, none),
    };
    assert_eq!(handle1, (1, 2, 3));
}

#[test]
fn items_of_the_program_keep_their_meaning() {
    // What an expansion might mean by these is something else.
    #[allow(dead_code)]
    #[derive(Debug)]
    enum Shadow {
        Some,
        None,
        Ok,
        Err,
    }
    #[allow(unused_imports)]
    use Shadow::{Err, None, Ok, Some};
    #[allow(dead_code)]
    struct Option;
    #[allow(dead_code)]
    struct Result;
    #[allow(dead_code)]
    struct Receiver;
    #[allow(dead_code)]
    mod morestack {}
    #[allow(dead_code)]
    mod core {}
    #[allow(dead_code)]
    mod std {}

    let (sender, receiver) = bounded(1);
    let (other, _others) = bounded(0);
    let mut shadows = vec![];
    for _ in 0..4 {
        ::morestack::channel::select! {
            recv(receiver) -> _ => shadows.push(Err),
            send(other, ()) -> _ => shadows.push(Some),
            default => shadows.push(None),
        }
        ::morestack::channel::select_biased! {
            send(sender, ()) -> _ => shadows.push(Ok),
            default(::core::time::Duration::ZERO) => unreachable!("there is room"),
        }
    }
    let words: Vec<_> = shadows.iter().map(|shadow| format!("{shadow:?}")).collect();
    assert_eq!(words.join(" "), "None Ok Err Ok Err Ok Err Ok");
}

#[allow(unused_braces, reason = "the braces are what another macro hands on")]
#[test]
fn macros_may_hand_parts_of_it_on() {
    macro_rules! first_of {
        ($first:expr, $second:expr, $pattern:pat => $body:expr, $($default:tt)*) => {
            morestack::channel::select_biased! {
                recv($first) -> $pattern => $body,
                recv($second) -> $pattern => $body,
                $($default)*
            }
        };
    }
    macro_rules! operate {
        ($operation:ident($($arguments:expr),*), $block:block) => {
            morestack::channel::select! {
                $operation($($arguments),*) -> _ => $block
                default => $block
            }
        };
    }

    let ((sender, receiver), mut times) = (unbounded(), 0);
    operate!(send(sender, 1 + 1), { times += 1 });
    let first = first_of!(&receiver, receiver.clone(), message => message.ok(), default => None);
    assert_eq!(first, Some(2));
    let none = first_of!(&receiver, receiver, Ok(_) | Err(_) => 1 + 1, default() => { 0 });
    assert_eq!(none, 0);
    operate!(recv(receiver), { times += 1 });
    assert_eq!(times, 2);
}
