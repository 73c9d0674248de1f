//! What a macro's input becomes: the assembly, a Rust function for each declaration, and what makes cargo build it again.

use crate::assembly::{self, Assembled, Source, Surroundings};
use crate::grammar::{self, Convention, Declaration, Input};
use crate::report;
use crate::wrappers::Declared;
use goasm_assembler::assemble;
use goasm_assembler::diagnostic::{Diagnostic, Position};
use goasm_assembler::parse;
use goasm_assembler::signature::{self, Signature};
use goasm_assembler::syntax::Abi;
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use std::path::Path;
use syn::LitStr;

/// The most values that a list of arguments or results has: as many as `morestack::task::AbiArgs` is written out for.
const MAX_VALUES: usize = 40;

pub(crate) fn include(input: TokenStream, surroundings: &Surroundings) -> TokenStream {
    expand(input, surroundings, |written| {
        surroundings.path(written).map(|path| Source::File { path, written: written.value() })
    })
}

pub(crate) fn asm(input: TokenStream, surroundings: &Surroundings) -> TokenStream {
    expand(input, surroundings, |text| Ok(in_place(&(surroundings.place)(text.span()), text)))
}

fn expand(
    input: TokenStream,
    surroundings: &Surroundings,
    source: impl Fn(&LitStr) -> syn::Result<Source>,
) -> TokenStream {
    match syn::parse2::<Input>(input) {
        Ok(input) => expand_parsed(&input, source(&input.source), surroundings),
        Err(error) => error.to_compile_error(),
    }
}

fn expand_parsed(input: &Input, source: syn::Result<Source>, surroundings: &Surroundings) -> TokenStream {
    let mut paths: Vec<String> = input.options.include_dirs.iter().map(LitStr::value).collect();
    if let Ok(Source::File { written, .. }) = &source {
        paths.push(written.clone());
    }
    let assembled = package(input, surroundings).and_then(|package| {
        let source = source.map_err(|error| error.to_compile_error())?;
        let include_dirs = input.options.include_dirs.iter().map(|dir| surroundings.path(dir));
        let options = parse::Options {
            defines: input.options.defines.clone(),
            include_dirs: include_dirs.collect::<syn::Result<_>>().map_err(|error| error.to_compile_error())?,
        };
        let (signatures, places) = signatures(&input.declarations, surroundings)?;
        let span = input.source.span();
        assembly::assemble(&source, &options, &package, &signatures)
            .map(|assembled| (package, assembled))
            .map_err(|found| report::errors(&found, span, &places, &surroundings.working_dir))
    });
    match assembled {
        Ok((package, assembled)) => {
            let text = mapped_asm(&assembled);
            let files = tracking(&assembled, surroundings);
            let variables = tracked_variables(&paths);
            let functions = declarations(input).map(|declaration| {
                let wrapper =
                    assembled.bridges.get(&declaration.symbol()).map(|name| assembly::linkage_name(name, &package));
                function(declaration, &package, wrapper)
            });
            quote!(#text #files #variables #(#functions)*)
        }
        // Who calls the functions is not to blame for their being missing.
        Err(errors) => {
            let body = quote!(::core::panic!("its assembly has errors"));
            let functions = declarations(input).map(|declaration| rust_function(declaration, &body));
            quote!(#errors #(#[allow(unused_variables)] #functions)*)
        }
    }
}

/// The declarations of which Rust functions are made.
fn declarations(input: &Input) -> impl Iterator<Item = &Declaration> {
    input.declarations.iter().filter(|declaration| declaration.convention != Convention::Rust)
}

/// A text of the Rust source as one of its own, with blank lines and spaces before it, so that its lines and columns are those of the
/// Rust source.
fn in_place(position: &Position, text: &LitStr) -> Source {
    let quote = text.token().to_string().find('"').map_or(0, |quote| quote + 1);
    let lines = position.line.saturating_sub(1) as usize;
    let columns = position.column.saturating_sub(1) as usize + quote;
    let blank = "\n".repeat(lines) + &" ".repeat(columns);
    Source::Text { file: position.file.to_string(), text: blank + &text.value() }
}

/// What stands before the dot of the crate's symbols.
fn package(input: &Input, surroundings: &Surroundings) -> Result<String, TokenStream> {
    match (&input.options.package, &surroundings.crate_name) {
        (Some(package), _) => Ok(package.value()),
        (None, Some(crate_name)) => Ok(crate_name.clone()),
        (None, None) => {
            let message =
                "the crate's name, CARGO_CRATE_NAME, is not in the environment: give one with package(\"name\")";
            Err(syn::Error::new(input.source.span(), message).to_compile_error())
        }
    }
}

/// The layout of each declaration, and where it is.
type Signatures = (Declared, Vec<(Position, Span)>);

fn signatures(declarations: &[Declaration], surroundings: &Surroundings) -> Result<Signatures, TokenStream> {
    let declared = Declared { has_wrappers: surroundings.has_wrappers, ..Declared::default() };
    let mut all = (declared, Vec::new());
    let mut errors = TokenStream::new();
    for declaration in declarations {
        let span = declaration.span();
        let position = (surroundings.place)(span);
        match signature(declaration, &position) {
            Ok(signature) => {
                let (list, abi) = match declaration.convention {
                    Convention::Abi0 => (&mut all.0.assembly, Abi::Abi0),
                    Convention::Internal => (&mut all.0.assembly, Abi::Internal),
                    Convention::Rust => (&mut all.0.rust, Abi::Abi0),
                };
                list.push(Signature { abi, ..signature });
                all.1.push((position, span));
            }
            Err(error) => errors.extend(syn::Error::new(span, error.message).to_compile_error()),
        }
    }
    match errors.is_empty() {
        true => Ok(all),
        false => Err(errors),
    }
}

fn signature(declaration: &Declaration, position: &Position) -> Result<Signature, Diagnostic> {
    if declaration.params.len().max(declaration.results.len()) > MAX_VALUES {
        let message = format!("more than {MAX_VALUES} arguments or results: pass a reference to a struct");
        return Err(Diagnostic::new(position, message));
    }
    let declared = |values: &[grammar::Declared]| {
        let value = |value: &grammar::Declared| signature::Declared {
            name: value.symbol(),
            spelling: spelling(&value.ty),
            ty: value.shape.layout(),
        };
        values.iter().map(value).collect()
    };
    Signature::new(declaration.symbol(), position, declared(&declaration.params), declared(&declaration.results))
}

/// A type as people write it: tokens have blanks between them.
fn spelling(ty: &syn::Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, tight) in [
        ("& ", "&"),
        ("* ", "*"),
        ("[ ", "["),
        (" ]", "]"),
        (" ;", ";"),
        (" ,", ","),
        (" :: ", "::"),
        ("' ", "'"),
        (" < ", "<"),
        (" >", ">"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

fn mapped_asm(assembled: &Assembled) -> TokenStream {
    let text = assembled.text.replace('{', "{{").replace('}', "}}");
    let stackguard = Literal::i64_unsuffixed(assemble::G_STACKGUARD0);
    let [small, big, nosplit] =
        [assemble::STACK_SMALL, assemble::STACK_BIG, assemble::STACK_NOSPLIT].map(Literal::u32_unsuffixed);
    quote! {
        ::goasm::morestack::mapped_asm!(#text);
        // The checks have these as numbers, and NOSPLIT chains were measured against the last.
        const _: () = {
            use ::goasm::morestack::arch::offsets;
            ::core::assert!(
                offsets::G_STACKGUARD0 == #stackguard
                    && offsets::STACK_SMALL == #small
                    && offsets::STACK_BIG == #big
                    && offsets::STACK_NOSPLIT == #nosplit,
                "this version of goasm assembles for another version of morestack",
            );
        };
    }
}

/// Makes cargo build the crate again when one of the files that were read has changed.
fn tracking(assembled: &Assembled, surroundings: &Surroundings) -> TokenStream {
    let track = |file: &std::path::PathBuf| {
        let file = surroundings.working_dir.join(file);
        let path = match file.strip_prefix(&surroundings.root).ok().and_then(Path::to_str) {
            Some(inside) => {
                let inside = format!("/{inside}");
                quote!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #inside))
            }
            None => file.to_string_lossy().to_token_stream(),
        };
        quote!(
            const _: &[u8] = ::core::include_bytes!(#path);
        )
    };
    assembled.files.iter().map(track).collect()
}

/// Makes cargo build the crate again when a variable that paths begin with has changed.
fn tracked_variables(paths: &[String]) -> TokenStream {
    let track = |name: &str| {
        quote!(
            const _: ::core::option::Option<&str> = ::core::option_env!(#name);
        )
    };
    paths.iter().filter_map(|path| assembly::variable_of(path)).map(track).collect()
}

/// A declaration as a Rust function, and the module beside it.
fn function(declaration: &Declaration, package: &str, wrapper: Option<String>) -> TokenStream {
    let name = &declaration.name;
    let words = declaration.params.iter().zip(0..).map(|(param, index)| {
        let name = param_name(param, index);
        param.shape.go_words(name.to_token_stream())
    });
    let returned = Ident::new("__results", Span::mixed_site());
    let results = results(&declaration.results, &returned);
    let rust = rust_function(
        declaration,
        &quote! {
            // SAFETY: the `unsafe extern` block vouches for the signature, of which these are words.
            let #returned = unsafe { #name::function() }.call((#(#words,)*));
            #results
        },
    );

    let visibility = &declaration.visibility;
    let cfgs = declaration.attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
    let param_words = declaration.params.iter().map(|param| param.shape.words());
    let result_words = tuple(declaration.results.iter().map(|result| result.shape.words()));
    let mut symbol = assembly::linkage_name(&declaration.symbol(), package);
    if declaration.convention == Convention::Internal {
        symbol.push_str("<ABIInternal>");
    }
    let wrapper = wrapper.map(|wrapper| quote!(, #wrapper));
    quote! {
        #rust
        #(#cfgs)*
        ::goasm::morestack::__mapped_module!(#visibility #name, (#(#param_words,)*), #result_words, #symbol, unsafe #wrapper);
    }
}

/// The Rust function with the given body.
fn rust_function(declaration: &Declaration, body: &TokenStream) -> TokenStream {
    let Declaration { attrs, visibility, name, generics, .. } = declaration;
    let unsafety = (!declaration.is_safe).then(|| quote!(unsafe));
    let params = declaration.params.iter().zip(0..).map(|(param, index)| {
        let (name, ty) = (param_name(param, index), &param.ty);
        quote!(#name: #ty)
    });
    let result = tuple(declaration.results.iter().map(|result| result.ty.to_token_stream()));
    let where_clause = &generics.where_clause;
    quote! {
        #(#attrs)*
        #[allow(clippy::too_many_arguments)]
        #visibility #unsafety fn #name #generics (#(#params),*) -> #result #where_clause {
            #body
        }
    }
}

/// Nothing, the one, or a tuple of several.
fn tuple(values: impl ExactSizeIterator<Item = TokenStream>) -> TokenStream {
    match values.len() {
        1 => quote!(#(#values)*),
        _ => quote!((#(#values),*)),
    }
}

/// The expression for the Rust results, whose words are in `returned`.
fn results(results: &[grammar::Declared], returned: &Ident) -> TokenStream {
    let is_single = results.len() == 1;
    let values = results.iter().enumerate().map(|(index, result)| {
        let index = syn::Index::from(index);
        let words = if is_single { quote!(#returned) } else { quote!(#returned.#index) };
        let value = result.shape.rust_value(words);
        match result.shape.is_unchecked() {
            // SAFETY: the `unsafe extern` block vouches for what the function returns.
            true => quote!(unsafe { #value }),
            false => value,
        }
    });
    if results.is_empty() { quote!(#returned) } else { tuple(values.collect::<Vec<_>>().into_iter()) }
}

fn param_name(param: &grammar::Declared, index: usize) -> Ident {
    param.name.clone().unwrap_or_else(|| format_ident!("__arg{index}", span = Span::mixed_site()))
}

#[cfg(test)]
mod tests;
