//! What `select!` expands to, and what it refuses. What the expansion does is tested in `tests/select_*.rs` of the crate `morestack`.

use super::*;
use quote::quote;

/// The arms as they come from `macro_rules! select`.
fn fair(arms: TokenStream) -> TokenStream {
    quote! { (green) fair #arms }
}

fn expanded(arms: TokenStream) -> String {
    let select = Select::parse.parse2(fair(arms)).expect("it is right");
    expand::expand(&select).to_string()
}

/// What is said of arms that are wrong.
fn refused(arms: TokenStream) -> String {
    Select::parse.parse2(fair(arms)).err().expect("it is wrong").to_string()
}

#[test]
fn several_operations_are_selected_from() {
    let expected = quote! {
        match (&r, &s.sender,) {
            (handle0, handle1,) => {
                let handle0: &green::channel::Receiver<_> = handle0;
                let handle1: &green::channel::Sender<_> = handle1;
                let selected = green::channel::__select::select(
                    &mut [green::channel::__select::recv(handle0), green::channel::__select::send(handle1)],
                    false
                );
                match selected.index() {
                    0usize => {
                        let result = selected.recv(handle0);
                        let message = result;
                        work(message)
                    }
                    _ => {
                        let result = selected.send(handle1, next());
                        let _ = result;
                        { break; }
                    }
                }
            }
        }
    };
    let arms = quote! { recv(r) -> message => work(message), send(s.sender, next()) -> _ => { break; } };
    assert_eq!(expanded(arms), expected.to_string());
}

#[test]
fn biased_is_handed_on() {
    let arms = quote! { (green) biased recv(a) -> _ => {} recv(b) -> _ => {} };
    let text = expand::expand(&Select::parse.parse2(arms).expect("it is right")).to_string();
    assert!(text.contains("__select :: recv (handle1)] , true)"), "{text}");
}

#[test]
fn default_does_not_wait_and_a_timeout_comes_last() {
    let operations = quote! { recv(a) -> _ => {} recv(b) -> _ => {} };
    for default in [quote!(default => (),), quote!(default() => {}), quote!(default() => {},)] {
        let text = expanded(quote! { #default #operations });
        assert!(text.contains("try_select (& mut ["), "{text}");
    }
    for timeout in [quote!(default(t()) => (),), quote!(default(t(),) => {})] {
        let text = expanded(quote! { #timeout #operations });
        assert!(text.contains("recv (handle1)] , false , t ())"), "{text}");
    }
}

#[test]
fn one_operation_is_a_plain_call() {
    for (arms, call) in [
        (quote! { recv(r) -> _ => {} }, "handle0 . recv () ;"),
        (quote! { recv(r) -> _ => {} default => {} }, "match handle0 . try_recv () {"),
        (quote! { recv(r) -> _ => {} default(t) => {} }, "match handle0 . recv_timeout (t) {"),
        (quote! { send(s, 1) -> _ => {} }, "handle0 . send (1) ;"),
        (quote! { send(s, (text, ())) -> _ => {} }, "handle0 . send ((text , ())) ;"),
    ] {
        let text = expanded(arms);
        assert!(text.contains(call) && !text.contains("__select"), "{text}");
    }
}

#[test]
fn a_message_that_does_something_waits_for_its_turn() {
    for arms in [quote! { send(s, next()) -> _ => {} }, quote! { send(s, (1, x + 1)) -> _ => {} }] {
        let text = expanded(arms);
        assert!(text.contains("select (& mut ["), "{text}");
    }
    // Nor is there a call that gives the message back unmade.
    let text = expanded(quote! { send(s, 1) -> _ => {} default => {} });
    assert!(text.contains("try_select (& mut ["), "{text}");
}

#[test]
fn without_operations_nothing_is_selected() {
    assert_eq!(expanded(quote! {}), "loop { _ = green :: channel :: never :: < () > () . recv () ; }");
    assert_eq!(expanded(quote! { default => a + b }), "{ a + b }");
    assert_eq!(expanded(quote! { default(t) => a }), "{ green :: thread :: sleep (t) ; a }");
}

#[test]
fn a_body_in_braces_is_not_parsed() {
    let text = expanded(quote! { recv(r) -> _ => { let = ? ; } });
    assert!(text.contains("{ let = ? ; }"), "{text}");
}

#[test]
fn an_expression_may_begin_with_braces() {
    // As the end of a block it would be two statements without the parentheses.
    let text = expanded(quote! { recv(r) -> _ => { a }.b(), recv(r) -> _ => match a {} - 1, });
    assert!(text.contains("{ a } . b ()") && text.contains("(match a { }) - 1"), "{text}");
}

#[test]
fn alternatives_get_the_parentheses_that_a_let_wants() {
    for pattern in [quote!(Ok(x) | Err(E(x))), quote!(|Ok(x)| Err(E(x)))] {
        let text = expanded(quote! { send(s, 1) -> #pattern => {} });
        assert!(text.contains("| Err (E (x))) = result"), "{text}");
    }
}

#[test]
fn wrong_arms_are_refused() {
    for (arms, message) in [
        (quote! { read(r) -> _ => {} }, "expected `recv(..)`, `send(..)` or `default`"),
        (quote! { recv(r) -> _ => {} ; }, "expected `recv(..)`, `send(..)` or `default`"),
        (quote! { , }, "expected `recv(..)`, `send(..)` or `default`"),
        (quote! { recv => {} }, "expected arguments: `recv(receiver)`"),
        (quote! { recv[r] -> _ => {} }, "expected arguments: `recv(receiver)`"),
        (quote! { recv() -> _ => {} }, "expected 1 argument, found 0: `recv(receiver)`"),
        (quote! { recv(a, b) -> _ => {} }, "expected 1 argument, found 2: `recv(receiver)`"),
        (quote! { send(s) -> _ => {} }, "expected 2 arguments, found 1: `send(sender, message)`"),
        (quote! { send(s, 1, 2) -> _ => {} }, "expected 2 arguments, found 3: `send(sender, message)`"),
        (quote! { recv(r) => {} }, "expected `->` and a pattern for the operation's result"),
        (quote! { recv(r) }, "expected `->` and a pattern for the operation's result"),
        (quote! { recv(r) -> _ }, "expected `=>`"),
        (quote! { recv(r) -> _ -> _ => {} }, "expected `=>`"),
        (quote! { recv(r) -> _ => }, "expected an expression after `=>`"),
        (quote! { recv(r) -> _ => 1; }, "expected `,` at the end of the arm before this"),
        (quote! { recv(r) -> _ => f() recv(r) -> _ => {} }, "expected `,` at the end of the arm before this"),
        (quote! { default -> _ => {} }, "expected `=>`: `default` has no result"),
        (quote! { default(a, b) => {} }, "`default(timeout)` has one argument, and `default` none"),
        (quote! { default => {} recv(r) -> _ => {} default => {} }, "there can be only one `default`"),
    ] {
        let found = refused(arms.clone());
        assert!(found.contains(message), "{arms}: {found}");
    }
}

#[test]
fn errors_become_compile_errors() {
    let text = expand_or_report(fair(quote! { read(r) -> _ => {} })).to_string();
    assert!(text.contains("compile_error !") && text.contains("expected `recv(..)`"), "{text}");
}
