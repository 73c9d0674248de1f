//! Types of arguments and results: which there are, what ABI0 passes for them, and how Rust's values become Go's words and back.

use goasm_assembler::signature;
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{Error, Expr, Lifetime, Lit, PointerMutability, Result, Type, TypeReference};

/// A type that ABI0 passes.
pub(crate) enum Shape {
    /// A number or `bool`, with its name and size.
    Scalar(syn::Ident, u8),
    /// `*const T` and `*mut T`.
    Pointer { to: Box<Type>, is_mut: bool },
    /// `&T` and `&mut T`.
    Reference { to: Box<Type>, is_mut: bool },
    /// `&[T]` and `&mut [T]`.
    Slice { of: Box<Type>, is_mut: bool },
    /// `&str`.
    Str,
    /// `[T; N]`.
    Array(Box<Shape>, u64),
}

const SCALARS: [(&str, u8); 13] = [
    ("bool", 1),
    ("u8", 1),
    ("i8", 1),
    ("u16", 2),
    ("i16", 2),
    ("u32", 4),
    ("i32", 4),
    ("f32", 4),
    ("u64", 8),
    ("i64", 8),
    ("f64", 8),
    ("usize", 8),
    ("isize", 8),
];

impl Shape {
    /// # Errors
    /// ABI0 does not pass such a type, or it cannot be told from the type's tokens.
    pub(crate) fn of(ty: &Type) -> Result<Shape> {
        match ty {
            Type::Group(group) => Shape::of(&group.elem),
            Type::Paren(paren) => Shape::of(&paren.elem),
            Type::Path(path) => {
                let known = path.path.get_ident().and_then(|ident| {
                    SCALARS
                        .iter()
                        .find(|(name, _)| ident == name)
                        .map(|(_, bytes)| Shape::Scalar(ident.clone(), *bytes))
                });
                known.ok_or_else(|| refuse(ty))
            }
            Type::Ptr(pointer) => match thin(&pointer.elem) {
                true => Ok(Shape::Pointer {
                    to: pointer.elem.clone(),
                    is_mut: matches!(pointer.mutability, PointerMutability::Mut(_)),
                }),
                false => Err(Error::new_spanned(ty, "Go's pointers are one word: take a reference, `&[T]` or `&str`")),
            },
            Type::Reference(reference) => Shape::of_reference(reference),
            Type::Array(array) => match &array.len {
                Expr::Lit(syn::ExprLit { lit: Lit::Int(len), .. }) => {
                    Ok(Shape::Array(Box::new(Shape::of(&array.elem)?), len.base10_parse()?))
                }
                len => Err(Error::new_spanned(len, "the layout has to be known here: write the length as a number")),
            },
            _ => Err(refuse(ty)),
        }
    }

    fn of_reference(reference: &TypeReference) -> Result<Shape> {
        let is_mut = reference.mutability.is_some();
        match ungrouped(&reference.elem) {
            Type::Slice(slice) => Ok(Shape::Slice { of: slice.elem.clone(), is_mut }),
            elem if is_str(elem) && !is_mut => Ok(Shape::Str),
            elem if thin(elem) => Ok(Shape::Reference { to: reference.elem.clone(), is_mut }),
            _ => Err(refuse(&Type::Reference(reference.clone()))),
        }
    }

    /// The type for the layout.
    pub(crate) fn layout(&self) -> signature::Type {
        match self {
            Shape::Scalar(name, bytes) if name == "f32" || name == "f64" => signature::Type::Float(*bytes),
            Shape::Scalar(_, bytes) => signature::Type::Scalar(*bytes),
            Shape::Pointer { .. } | Shape::Reference { .. } => signature::Type::Pointer,
            Shape::Slice { .. } => signature::Type::Slice,
            Shape::Str => signature::Type::String,
            Shape::Array(element, len) => signature::Type::Array(Box::new(element.layout()), *len),
        }
    }

    /// The type of the words that `MappedFn` takes, as a module beside the function names it.
    pub(crate) fn words(&self) -> TokenStream {
        match self {
            Shape::Scalar(name, _) => quote!(#name),
            Shape::Pointer { to, is_mut } | Shape::Reference { to, is_mut } => {
                let to = from_inner_module(to);
                match is_mut {
                    true => quote!(*mut #to),
                    false => quote!(*const #to),
                }
            }
            Shape::Slice { of, .. } => {
                let of = from_inner_module(of);
                quote!(::goasm::GoSlice<#of>)
            }
            Shape::Str => quote!(::goasm::GoStr),
            Shape::Array(element, len) => {
                let (element, len) = (element.words(), Literal::u64_unsuffixed(*len));
                quote!([#element; #len])
            }
        }
    }

    /// An expression that turns the Rust value `value` into words.
    pub(crate) fn go_words(&self, value: TokenStream) -> TokenStream {
        match self {
            Shape::Scalar(..) => value,
            Shape::Pointer { .. } => quote!(#value.cast()),
            Shape::Reference { is_mut: false, .. } => quote!(::core::ptr::from_ref(#value).cast()),
            Shape::Reference { is_mut: true, .. } => quote!(::core::ptr::from_mut(#value).cast()),
            Shape::Slice { .. } => quote!(::goasm::GoSlice::from(#value).cast()),
            Shape::Str => quote!(::goasm::GoStr::from(#value)),
            Shape::Array(element, _) => Shape::each(element, value, Shape::go_words),
        }
    }

    /// An expression, unsafe if [`Self::is_unchecked`], that turns words into the Rust value.
    pub(crate) fn rust_value(&self, words: TokenStream) -> TokenStream {
        match self {
            Shape::Scalar(..) => words,
            Shape::Pointer { .. } => quote!(#words.cast()),
            Shape::Reference { is_mut: false, to } => quote!(&*#words.cast::<#to>()),
            Shape::Reference { is_mut: true, to } => quote!(&mut *#words.cast::<#to>()),
            Shape::Slice { is_mut: false, of } => quote!(#words.cast::<#of>().as_slice()),
            Shape::Slice { is_mut: true, of } => quote!(#words.cast::<#of>().as_mut_slice()),
            Shape::Str => quote!(#words.as_str()),
            Shape::Array(element, _) => Shape::each(element, words, Shape::rust_value),
        }
    }

    /// Whether only the declaration's `unsafe` says that words are a value of the type.
    pub(crate) fn is_unchecked(&self) -> bool {
        match self {
            Shape::Scalar(..) | Shape::Pointer { .. } => false,
            Shape::Reference { .. } | Shape::Slice { .. } | Shape::Str => true,
            Shape::Array(element, _) => element.is_unchecked(),
        }
    }

    fn each(element: &Shape, array: TokenStream, convert: impl Fn(&Shape, TokenStream) -> TokenStream) -> TokenStream {
        if let Shape::Scalar(..) = element {
            return array;
        }
        let item = format_ident!("__item", span = proc_macro2::Span::mixed_site());
        let converted = convert(element, quote!(#item));
        quote!(#array.map(|#item| #converted))
    }
}

fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}

fn is_str(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident("str"))
}

/// Whether a pointer to the type is one word, as far as its tokens tell; what they do not tell, the compiler does.
fn thin(ty: &Type) -> bool {
    let ty = ungrouped(ty);
    !matches!(ty, Type::Slice(_) | Type::TraitObject(_) | Type::ImplTrait(_) | Type::Infer(_)) && !is_str(ty)
}

fn refuse(ty: &Type) -> Error {
    Error::new_spanned(
        ty,
        "ABI0 passes integers of up to 64 bits, f32, f64, bool, thin pointers and references, &[T], &mut [T], &str, and arrays \
         of these; pass a reference to anything else",
    )
}

/// The same type, named from within a module one level deeper, where no lifetime of the function is known.
fn from_inner_module(ty: &Type) -> Type {
    struct Inner;
    impl VisitMut for Inner {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            lifetime.ident = format_ident!("static");
        }
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            reference.lifetime.get_or_insert_with(|| Lifetime::new("'static", proc_macro2::Span::call_site()));
            visit_mut::visit_type_reference_mut(self, reference);
        }
        fn visit_path_mut(&mut self, path: &mut syn::Path) {
            visit_mut::visit_path_mut(self, path);
            let first = path.segments.first().map(|segment| segment.ident.to_string());
            if path.leading_colon.is_none() && matches!(first.as_deref(), Some("self" | "super")) {
                path.segments.insert(0, syn::PathSegment::from(format_ident!("super")));
                if first.as_deref() == Some("self") {
                    path.segments =
                        path.segments.iter().enumerate().filter(|(i, _)| *i != 1).map(|(_, s)| s.clone()).collect();
                }
            }
        }
    }
    let mut ty = ty.clone();
    Inner.visit_type_mut(&mut ty);
    ty
}
