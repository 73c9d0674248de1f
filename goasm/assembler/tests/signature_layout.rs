//! Arguments and results lie where Go's ABI0 has them: checked against C's layout, which `std::alloc::Layout` computes, with signatures
//! made at random. proptest prints the smallest case that fails, and keeps its seed.

mod common;

use goasm_assembler::diagnostic::Position;
use goasm_assembler::signature::{Declared, MAX_ARGS, Signature, Type};
use proptest::prelude::*;
use std::alloc::Layout;

fn here() -> Position {
    Position { file: "test.rs".into(), line: 1, column: 1 }
}

fn declared(types: &[Type]) -> Vec<Declared> {
    types.iter().map(|ty| Declared { name: None, spelling: String::new(), ty: ty.clone() }).collect()
}

fn signature(params: &[Type], results: &[Type]) -> Signature {
    Signature::new(".f", &here(), declared(params), declared(results)).unwrap()
}

fn any_type() -> impl Strategy<Value = Type> {
    let plain = prop_oneof![
        prop::sample::select(vec![1u8, 2, 4, 8]).prop_map(Type::Scalar),
        prop::sample::select(vec![4u8, 8]).prop_map(Type::Float),
        Just(Type::Pointer),
        Just(Type::Slice),
        Just(Type::String),
    ];
    plain.prop_recursive(2, 8, 4, |inner| (inner, 0u64..5).prop_map(|(ty, len)| Type::Array(Box::new(ty), len)))
}

/// C's layout of a type, with Go's slices and strings as structs of words.
fn layout(ty: &Type) -> Layout {
    match ty {
        Type::Scalar(bytes) | Type::Float(bytes) => {
            Layout::from_size_align(usize::from(*bytes), usize::from(*bytes)).unwrap()
        }
        Type::Pointer => Layout::new::<*const u8>(),
        Type::Slice => Layout::new::<[usize; 3]>(),
        Type::String => Layout::new::<[usize; 2]>(),
        Type::Array(element, len) => {
            let element = layout(element);
            Layout::from_size_align(element.size() * *len as usize, element.align()).unwrap()
        }
    }
}

/// Offsets of a list's values from its begin, and the bytes up to the last one's end.
fn c_struct(types: &[Type]) -> (Vec<u64>, u64) {
    let mut all = Layout::from_size_align(0, 1).unwrap();
    let mut offsets = Vec::new();
    for ty in types {
        let (next, offset) = all.extend(layout(ty)).unwrap();
        all = next;
        offsets.push(offset as u64);
    }
    (offsets, all.size() as u64)
}

/// All smallest parts of a type at `offset`: name, place, size, whether it is an address.
fn leaves(ty: &Type, name: String, offset: u64, out: &mut Vec<(String, u64, u64, bool)>) {
    match ty {
        Type::Scalar(bytes) | Type::Float(bytes) => out.push((name, offset, u64::from(*bytes), false)),
        Type::Pointer => out.push((name, offset, 8, true)),
        Type::Slice | Type::String => {
            out.push((format!("{name}_base"), offset, 8, true));
            out.push((format!("{name}_len"), offset + 8, 8, false));
            if *ty == Type::Slice {
                out.push((format!("{name}_cap"), offset + 16, 8, false));
            }
        }
        Type::Array(element, len) => {
            (0..*len).for_each(|i| leaves(element, format!("{name}_{i}"), offset + i * element.size(), out));
        }
    }
}

proptest! {
    #![proptest_config(common::random::config(256))]

    #[test]
    fn offsets_are_those_of_c_structs_with_results_on_the_next_word(
        params in prop::collection::vec(any_type(), 0..8),
        results in prop::collection::vec(any_type(), 0..4),
    ) {
        let signature = signature(&params, &results);
        let (param_offsets, params_end) = c_struct(&params);
        let (result_offsets, results_end) = c_struct(&results);
        let results_begin = params_end.next_multiple_of(8);
        let offsets: Vec<u64> = signature.values().map(|value| value.offset).collect();
        let expected: Vec<u64> =
            param_offsets.into_iter().chain(result_offsets.into_iter().map(|offset| results_begin + offset)).collect();
        prop_assert_eq!(offsets, expected);
        prop_assert_eq!(signature.args(), if results.is_empty() { params_end } else { results_begin + results_end });
    }

    #[test]
    fn every_byte_belongs_to_the_part_that_has_its_name(
        params in prop::collection::vec(any_type(), 0..6),
        results in prop::collection::vec(any_type(), 0..3),
    ) {
        let signature = signature(&params, &results);
        let mut expected = Vec::new();
        for value in signature.values() {
            leaves(&value.ty, value.name.clone(), value.offset, &mut expected);
        }
        let mut owner = vec![None; signature.args() as usize];
        let mut pointers = vec![false; signature.args().div_ceil(8) as usize];
        for (name, offset, size, is_pointer) in &expected {
            let found = signature.find(name).expect(name);
            prop_assert_eq!((found.offset, found.ty.size(), &found.name), (*offset, *size, name));
            owner[*offset as usize..(offset + size) as usize].fill(Some(name.clone()));
            if *is_pointer {
                pointers[*offset as usize / 8] = true;
            }
        }
        for (offset, name) in owner.into_iter().enumerate() {
            prop_assert_eq!(signature.find_at(offset as u64).map(|part| part.name), name);
        }
        prop_assert_eq!(signature.find_at(signature.args()), None);
        let results_begin = signature.results.first().map_or(u64::MAX, |first| first.offset) as usize / 8;
        let of_arguments: Vec<bool> = pointers.iter().enumerate().map(|(i, is)| *is && i < results_begin).collect();
        prop_assert_eq!(signature.pointer_words(true), pointers);
        prop_assert_eq!(signature.pointer_words(false), of_arguments);
    }
}

#[test]
fn unnamed_values_are_named_by_their_places() {
    let four = Type::Scalar(4);
    let signature = signature(&[four.clone(), Type::Slice, four.clone()], &[Type::String, four.clone(), four]);
    let names: Vec<&str> = signature.values().map(|value| value.name.as_str()).collect();
    assert_eq!(names, ["arg", "arg1", "arg2", "ret", "ret1", "ret2"]);
}

#[test]
fn a_later_value_takes_the_name_from_a_part_of_an_earlier_one() {
    let named = |name: &str, ty| Declared { name: Some(name.to_string()), spelling: String::new(), ty };
    let values = vec![named("x", Type::Slice), named("x_len", Type::Scalar(4))];
    let signature = Signature::new(".f", &here(), values, vec![]).unwrap();
    assert_eq!(signature.find("x_len").unwrap().offset, 24);
}

#[test]
fn names_that_only_look_like_parts_are_none() {
    let bytes = Type::Array(Box::new(Type::Scalar(1)), 10);
    let signature = signature(&[bytes, Type::String], &[]);
    for name in ["arg_10", "arg_01", "arg_", "arg_base", "arg1_cap", "arg1_len_base", "ar", "argument", ""] {
        assert_eq!(signature.find(name), None, "{name}");
    }
    assert_eq!(signature.find("arg_9").unwrap().offset, 9);
}

#[test]
fn two_values_of_one_name_are_refused() {
    let x = || Declared { name: Some("x".to_string()), spelling: "u8".to_string(), ty: Type::Scalar(1) };
    let error = Signature::new(".f", &here(), vec![x()], vec![x()]).unwrap_err();
    assert_eq!(error.to_string(), "test.rs:1:1: two values of f have the name x");
}

#[test]
fn what_is_too_big_for_a_frame_is_refused_however_big() {
    let array = |ty: Type, len| Type::Array(Box::new(ty), len);
    let limit = array(Type::Scalar(1), MAX_ARGS);
    assert_eq!(signature(std::slice::from_ref(&limit), &[]).args(), MAX_ARGS);
    for ty in [array(Type::Scalar(1), MAX_ARGS + 1), array(array(Type::Slice, u64::MAX), u64::MAX)] {
        assert!(Signature::new(".f", &here(), declared(&[ty]), vec![]).is_err());
    }
    assert!(Signature::new(".f", &here(), declared(&[limit]), declared(&[Type::Scalar(1)])).is_err());
}

#[test]
fn arrays_of_nothing_take_no_time() {
    let nothing = Type::Array(Box::new(Type::Pointer), 0);
    let many = Type::Array(Box::new(nothing), u64::MAX);
    let signature = signature(&[many, Type::Pointer], &[]);
    assert_eq!(signature.pointer_words(true), [true]);
    assert_eq!(signature.find_at(0).unwrap().name, "arg1");
}
