//! The expansion of `select!`. In general, here with two operations:
//!
//! ```text
//! match (&RECEIVER, &SENDER,) {                        borrows places, and keeps temporaries
//!     (handle0, handle1,) => {
//!         let handle0: &Receiver<_> = handle0;         sees through references, boxes and whatever else has a `Deref`
//!         let handle1: &Sender<_> = handle1;
//!         let selected = select(&mut [recv(handle0), send(handle1)], biased);
//!         match selected.index() {
//!             0usize => { let result = selected.recv(handle0); let PATTERN = result; BODY }
//!             _ => { let result = selected.send(handle1, MESSAGE); let PATTERN = result; BODY }
//!         }
//!     }
//! }
//! ```
//!
//! Whatever a body may run after is gone by then, as the borrow checker sees it: so it may move what the handles were borrowed from.
//!
//! One operation alone needs no selection: a receiver is asked with `recv`, `try_recv` or `recv_timeout`, and a sender with `send`,
//! if nobody can tell when its message is made.

use super::{Arm, Body, DefaultArm, Operation, Select};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprReference, Pat};

/// What the macro is replaced by: an expression.
pub fn expand(select: &Select) -> TokenStream {
    let Select { path, arms, default, .. } = select;
    // Locals are seen by nobody else; all other names are absolute.
    let ours = Span::mixed_site();
    match (&**arms, default) {
        ([], None) => quote_spanned!(ours=> loop { _ = #path::channel::never::<()>().recv(); }),
        ([], Some(DefaultArm { timeout: None, body })) => quote_spanned!(ours=> { #body }),
        ([], Some(DefaultArm { timeout: Some(timeout), body })) => {
            quote_spanned!(ours=> { #path::thread::sleep(#timeout); #body })
        }
        ([arm], None) if arm.operation.may_be_plain() => {
            let handle = arm.operation.handle(0);
            let result = match &arm.operation {
                Operation::Recv { .. } => quote_spanned!(ours=> #handle.recv()),
                Operation::Send { message, .. } => quote_spanned!(ours=> #handle.send(#message)),
            };
            with_handles(select, arm.complete(&result))
        }
        ([arm @ Arm { operation: Operation::Recv { .. }, .. }], Some(default)) => {
            with_handles(select, recv_or(arm, default, path))
        }
        _ => with_handles(select, general(select)),
    }
}

/// The handles as locals, and `then`.
fn with_handles(select: &Select, then: TokenStream) -> TokenStream {
    let Select { path, arms, .. } = select;
    let handles: Vec<Ident> = arms.iter().enumerate().map(|(case, arm)| arm.operation.handle(case)).collect();
    let borrows = arms.iter().map(|arm| ExprReference {
        attrs: vec![],
        and_token: Default::default(),
        mutability: None,
        expr: Box::new(arm.operation.channel().clone()),
    });
    let typed = arms.iter().zip(&handles).map(|(arm, handle)| {
        let end = match &arm.operation {
            Operation::Recv { .. } => format_ident!("Receiver"),
            Operation::Send { .. } => format_ident!("Sender"),
        };
        // What is no handle is reported where it stands.
        quote_spanned!(handle.span()=> let #handle: &#path::channel::#end<_> = #handle;)
    });
    quote_spanned! {Span::mixed_site()=>
        match (#(#borrows,)*) {
            (#(#handles,)*) => {
                #(#typed)*
                #then
            }
        }
    }
}

/// A receive, or `default` if nothing has come, at once or in time. A channel without senders is no reason for `default`.
fn recv_or(arm: &Arm, DefaultArm { timeout, body }: &DefaultArm, path: &TokenStream) -> TokenStream {
    let ours = Span::mixed_site();
    let handle = arm.operation.handle(0);
    let (result, nothing) = match timeout {
        None => (quote_spanned!(ours=> #handle.try_recv()), quote_spanned!(ours=> TryRecvError::Empty)),
        Some(timeout) => {
            (quote_spanned!(ours=> #handle.recv_timeout(#timeout)), quote_spanned!(ours=> RecvTimeoutError::Timeout))
        }
    };
    let complete = arm.complete(&quote_spanned!(ours=> result.map_err(|_| #path::channel::RecvError)));
    quote_spanned! {ours=>
        match #result {
            ::core::result::Result::Err(#path::channel::#nothing) => { #body }
            result => #complete
        }
    }
}

/// Selection among any number of operations.
fn general(select: &Select) -> TokenStream {
    let ours = Span::mixed_site();
    let Select { path, biased, arms, default } = select;
    let select_path = quote_spanned!(ours=> #path::channel::__select);
    let cases = arms.iter().enumerate().map(|(case, arm)| {
        let (handle, kind) = (arm.operation.handle(case), arm.operation.kind());
        quote_spanned!(ours=> #select_path::#kind(#handle))
    });
    let cases = quote_spanned!(ours=> &mut [#(#cases),*]);
    let bodies = arms.iter().enumerate().map(|(case, arm)| {
        let handle = arm.operation.handle(case);
        let complete = arm.complete(&match &arm.operation {
            Operation::Recv { .. } => quote_spanned!(ours=> selected.recv(#handle)),
            Operation::Send { message, .. } => quote_spanned!(ours=> selected.send(#handle, #message)),
        });
        // The last one stands for the rest of the numbers, too.
        let case = if case + 1 < arms.len() { quote!(#case) } else { quote_spanned!(ours=> _) };
        quote_spanned!(ours=> #case => #complete)
    });
    let bodies = quote_spanned!(ours=> match selected.index() { #(#bodies)* });
    let Some(DefaultArm { timeout, body }) = default else {
        return quote_spanned! {ours=>
            let selected = #select_path::select(#cases, #biased);
            #bodies
        };
    };
    let selected = match timeout {
        None => quote_spanned!(ours=> #select_path::try_select(#cases, #biased)),
        Some(timeout) => quote_spanned!(ours=> #select_path::select_timeout(#cases, #biased, #timeout)),
    };
    quote_spanned! {ours=>
        let selected = #selected;
        match selected {
            ::core::option::Option::Some(selected) => #bodies
            // Moved, so that nothing that has a destructor borrows from the handles in the body.
            none => {
                ::core::mem::drop(none);
                #body
            }
        }
    }
}

impl Arm {
    /// The rest of the arm, once its operation has the result.
    fn complete(&self, result: &TokenStream) -> TokenStream {
        let Arm { pattern, body, .. } = self;
        // A `let` takes alternatives in parentheses only.
        let pattern = match pattern {
            Pat::Or(_) => quote!((#pattern)),
            pattern => pattern.to_token_stream(),
        };
        quote_spanned! {Span::mixed_site()=>
            {
                let result = #result;
                let #pattern = result;
                #body
            }
        }
    }
}

impl Operation {
    fn channel(&self) -> &Expr {
        match self {
            Operation::Recv { receiver } => receiver,
            Operation::Send { sender, .. } => sender,
        }
    }

    /// The local that has the reference to the receiver or sender.
    fn handle(&self, case: usize) -> Ident {
        format_ident!("handle{case}", span = Span::mixed_site().located_at(self.channel().span()))
    }

    /// The name of what makes a case of it.
    fn kind(&self) -> Ident {
        match self {
            Operation::Recv { .. } => format_ident!("recv"),
            Operation::Send { .. } => format_ident!("send"),
        }
    }

    /// Whether a plain call does the same as a selection of nothing else. The call's message is made before the wait, the selection's
    /// after it.
    fn may_be_plain(&self) -> bool {
        match self {
            Operation::Recv { .. } => true,
            Operation::Send { message, .. } => is_inert(message),
        }
    }
}

/// Whether an expression does nothing but name or put together values that are there, so that it makes no difference when.
fn is_inert(expression: &Expr) -> bool {
    match expression {
        Expr::Lit(_) | Expr::Path(_) => true,
        Expr::Paren(inner) => is_inert(&inner.expr),
        Expr::Group(inner) => is_inert(&inner.expr),
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_inert),
        _ => false,
    }
}

impl ToTokens for Body {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Body::Block(TokenTree::Group(block)) if block.delimiter() == Delimiter::Brace => {
                // Braces of our own, at the place of the program's: which need not be told that the expansion would do without.
                let mut braces = Group::new(Delimiter::Brace, block.stream());
                braces.set_span(Span::mixed_site().located_at(block.span()));
                braces.to_tokens(tokens);
            }
            Body::Block(block) => block.to_tokens(tokens),
            Body::Expression(expression) => expression.to_tokens(tokens),
        }
    }
}
