//! What the attributes expand to, and what they refuse.

use super::*;

/// The expansion as text, in the form that `quote` prints.
fn expanded(entry: Entry, options: TokenStream, function: TokenStream) -> String {
    expand(entry, options, function).expect("it is right").to_string()
}

/// The messages of a refused function.
fn refused(entry: Entry, options: TokenStream, function: TokenStream) -> Vec<String> {
    expand(entry, options, function).expect_err("it is wrong").into_iter().map(|error| error.to_string()).collect()
}

#[test]
fn a_main_without_a_result_keeps_its_type() {
    let function = quote! { fn main() { work(); } };
    let expected = quote! {
        fn main() {
            fn main() { work(); }
            ::morestack::runtime::__main(::core::option::Option::None, main)
        }
    };
    assert_eq!(expanded(Entry::Main, quote!(), function), expected.to_string());
}

#[test]
fn a_result_becomes_an_exit_code_inside_the_task() {
    let function = quote! { fn main() -> Result<(), NotSend> { work() } };
    let expected = quote! {
        fn main() -> ::std::process::ExitCode {
            fn main() -> Result<(), NotSend> { work() }
            ::morestack::runtime::__main(
                ::core::option::Option::None,
                || ::std::process::Termination::report(main())
            )
        }
    };
    assert_eq!(expanded(Entry::Main, quote!(), function), expected.to_string());
}

#[test]
fn a_function_that_never_returns_keeps_its_type() {
    let text = expanded(Entry::Main, quote!(), quote! { fn main() -> ! { loop {} } });
    assert!(text.starts_with("fn main () -> ! {"), "{text}");
    assert!(text.ends_with(", main) }"), "{text}");
}

#[test]
fn a_test_keeps_its_attributes_and_has_two_workers() {
    let function = quote! {
        /// Why.
        #[should_panic(expected = "x")]
        #[ignore]
        #[cfg(unix)]
        pub(crate) fn fails() { panic!("x") }
    };
    let expected = quote! {
        #[::core::prelude::v1::test]
        /// Why.
        #[should_panic(expected = "x")]
        #[ignore]
        #[cfg(unix)]
        pub(crate) fn fails() {
            fn fails() { panic!("x") }
            ::morestack::runtime::__test(::core::option::Option::Some(2usize), fails)
        }
    };
    assert_eq!(expanded(Entry::Test, quote!(), function), expected.to_string());
}

#[test]
fn options_are_handed_on() {
    let text = expanded(Entry::Test, quote!(workers = N + 1, crate = crate::renamed,), quote! { fn t() {} });
    assert!(
        text.contains("crate :: renamed :: runtime :: __test (:: core :: option :: Option :: Some (N + 1) , t)"),
        "{text}"
    );
    let text = expanded(Entry::Main, quote!(workers = 4, crate = ::green), quote! { fn main() {} });
    assert!(text.contains(":: green :: runtime :: __main (:: core :: option :: Option :: Some (4) , main)"), "{text}");
}

#[test]
fn a_body_is_not_parsed() {
    let text = expanded(Entry::Main, quote!(), quote! { fn main() { #![allow(unused)] let = ? ; } });
    assert!(text.contains("{ # ! [allow (unused)] let = ? ; }"), "{text}");
}

#[test]
fn wrong_options_are_refused() {
    for (options, message) in [
        (quote!(workers = 0), "a runtime has at least one worker"),
        (quote!(workers = 0usize), "a runtime has at least one worker"),
        (quote!(workers = "4"), "the number of workers is a `usize`, as in `workers = 4`"),
        (quote!(workers), "expected `=`"),
        (quote!(workers = 1, workers = 2), "this option is given twice"),
        (quote!(threads = 4), "no option `threads`; there are `workers = 4` and `crate = path`"),
        (quote!(crate = "name"), "expected identifier"),
    ] {
        let messages = refused(Entry::Test, options.clone(), quote! { fn t() {} });
        assert!(messages.len() == 1 && messages[0].contains(message), "{options}: {messages:?}");
    }
}

#[test]
fn wrong_functions_are_refused() {
    for (function, message) in [
        (quote! { async fn main() {} }, "runs ordinary functions: leave out `async`"),
        (quote! { const fn main() {} }, "stands on a plain `fn`"),
        (quote! { unsafe fn main() {} }, "stands on a plain `fn`"),
        (quote! { extern "C" fn main() {} }, "stands on a plain `fn`"),
        (quote! { fn main(n: usize) {} }, "takes no arguments"),
        (quote! { fn main(&self) {} }, "stands on a free function, not on a method"),
        (quote! { fn main<T>() {} }, "has no type parameters or lifetimes"),
        (quote! { fn main() where u8: Copy {} }, "has no `where` clause"),
        (quote! { fn start() {} }, "stands on `fn main()`, where a program begins"),
        (quote! { fn main(); }, "has a body"),
        (quote! { #[test] fn main() {} }, "leave out this second test attribute"),
        (quote! { #[other::test] fn main() {} }, "leave out this second test attribute"),
        (quote! { struct Main; }, "#[morestack::main] stands on a function"),
    ] {
        let messages = refused(Entry::Main, quote!(), function.clone());
        assert!(messages.len() == 1 && messages[0].contains(message), "{function}: {messages:?}");
    }
}

#[test]
fn everything_wrong_is_said_at_once() {
    let messages = refused(Entry::Test, quote!(workers = 0), quote! { async fn t<T>(x: T) {} });
    assert_eq!(messages.len(), 4, "{messages:?}");
}

#[test]
fn a_wrong_main_is_replaced_by_an_empty_one() {
    let text = expand_or_report(Entry::Main, quote!(), quote! { async fn main() {} }).to_string();
    assert!(text.contains("compile_error"), "{text}");
    assert!(text.ends_with("fn main () { }"), "{text}");
}
