//! Work of ordinary programs, by std and by other crates, whose results are texts that can be compared.

#![allow(dead_code, reason = "each test binary uses a part")]

use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::fmt::{self, Write as _};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write as _};
use std::rc::Rc;

type Section = fn() -> String;

/// Each with its name, and a text of what it has found.
pub const SECTIONS: &[(&str, Section)] = &[
    ("hash maps", hash_maps),
    ("B-trees", b_trees),
    ("other collections", other_collections),
    ("formatting", formatting),
    ("parsing", parsing),
    ("typed JSON", json_typed),
    ("untyped JSON", json_values),
    ("wrong JSON", json_errors),
    ("regular expressions", regular_expressions),
    ("sorting", sorting),
    ("iterators", iterators),
    ("dynamic dispatch", dynamic_dispatch),
    ("closures", closures),
    ("strings", strings),
    ("wide integers", wide_integers),
    ("floating point", floating_point),
    ("readers and writers", readers_and_writers),
];

fn hash_maps() -> String {
    let mut squares: HashMap<String, Vec<u64>> = HashMap::new();
    for i in 0..1000_u64 {
        squares.entry(format!("key {}", i % 97)).or_default().push(i * i);
    }
    squares.retain(|_, list| list.len() > 10);
    let mut lists: Vec<_> = squares.iter().collect();
    lists.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(b.0)));
    let left: HashSet<u64> = (0..300).map(|n| n * 7 % 211).collect();
    let right: HashSet<u64> = (0..300).map(|n| n * 11 % 223).collect();
    let mut both: Vec<_> = left.intersection(&right).copied().collect();
    both.sort_unstable();
    format!("{lists:?} {both:?} {:?}", squares.get("key 96"))
}

fn b_trees() -> String {
    let mut map: BTreeMap<u32, String> = BTreeMap::new();
    for i in 0..2000_u32 {
        map.insert(i.wrapping_mul(2_654_435_761) % 3001, i.to_string());
    }
    let upper = map.split_off(&1500);
    map.retain(|key, _| key % 3 != 0);
    let set: BTreeSet<&str> = map.values().map(String::as_str).collect();
    let ends = (map.first_key_value(), upper.last_key_value());
    format!("{:?} {} {:?} {ends:?}", map.range(100..160).collect::<Vec<_>>(), upper.len(), set.iter().nth(77))
}

fn other_collections() -> String {
    let mut heap: BinaryHeap<(u64, String)> = (0..200).map(|n| (n * 7919 % 1009, n.to_string())).collect();
    let top: Vec<_> = std::iter::from_fn(|| heap.pop()).take(10).collect();
    let mut ring: VecDeque<u32> = (0..50).collect();
    ring.rotate_left(17);
    ring.extend([1, 2, 3]);
    let mut list: LinkedList<_> = ring.iter().copied().filter(|n| n % 2 == 1).collect();
    let tail = list.split_off(5);
    let shared: Vec<Rc<str>> = tail.iter().map(|n| Rc::from(n.to_string())).collect();
    format!("{top:?} {ring:?} {list:?} {shared:?}")
}

#[derive(Debug)]
#[allow(dead_code, reason = "read by Debug")]
enum Shape {
    Unit,
    Pair(i8, Option<&'static str>),
    Record { at: (f32, f64), inner: Vec<Shape> },
}

fn formatting() -> String {
    let mut out = String::new();
    for x in
        [0.0, -0.0, 1.5, 0.1 + 0.2, 1e300, -2.5e-310, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::NEG_INFINITY, 1e21]
    {
        write!(out, "{x} {x:?} {x:.3} {x:e} {x:+012.5} {:.40} {} ", x, x as f32).unwrap();
    }
    for n in [0, 1, -1, i64::MIN, i64::MAX, 1 << 40] {
        write!(out, "{n} {n:#x} {n:#010b} {n:>25} {n:<+25}| {n:^25o} {n:e} ").unwrap();
    }
    let shape = Shape::Record {
        at: (1.5, f64::EPSILON),
        inner: vec![
            Shape::Unit,
            Shape::Pair(-3, Some("a\"b\n\u{1f600}")),
            Shape::Record { at: (0.1, 1e9), inner: vec![] },
        ],
    };
    write!(out, "{shape:?} {shape:#?} {:?} {:>8} {:-^30} {:p}", 'x', true, "middle", 64 as *const u8).unwrap();
    write!(out, " {:?} {:?}", std::time::Duration::from_nanos(1_234_567_890), "é\u{301}\0").unwrap();
    out
}

fn parsing() -> String {
    let floats: Vec<_> = ["3.25", "1e-320", "179769313486231580793e289", "0.1e", "inf", "-0", "9007199254740993"]
        .iter()
        .map(|text| text.parse::<f64>().map(f64::to_bits))
        .collect();
    let integers: Vec<_> = ["12", "-129", "12x", "", "+7"].iter().map(|text| text.parse::<i8>()).collect();
    let others = (
        "127.0.0.1:80".parse::<std::net::SocketAddr>(),
        "::1%2".parse::<std::net::IpAddr>(),
        "fe80::1".parse::<std::net::Ipv6Addr>(),
        "true".parse::<bool>(),
        u128::from_str_radix("zz9", 36),
        "ab".parse::<char>(),
    );
    let path = std::path::Path::new("/a/../b/./c.tar.gz");
    format!("{floats:?} {integers:?} {others:?} {:?} {:?}", path.components().collect::<Vec<_>>(), path.file_stem())
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Record {
    id: u64,
    name: String,
    tags: Vec<String>,
    value: f64,
    kind: Kind,
    inner: Option<Box<Record>>,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(tag = "type", content = "of")]
enum Kind {
    Plain,
    Number(i32),
    Named { first: String, second: BTreeMap<String, u8> },
}

fn record(n: u64) -> Record {
    Record {
        id: n,
        name: format!("name \"{n}\" \u{e9}"),
        tags: (0..n % 5).map(|i| format!("tag {i}")).collect(),
        value: n as f64 / 3.0,
        kind: match n % 3 {
            0 => Kind::Plain,
            1 => Kind::Number(-(n as i32)),
            _ => Kind::Named { first: n.to_string(), second: BTreeMap::from([("x".into(), 1), ("y".into(), n as u8)]) },
        },
        inner: (n > 0).then(|| Box::new(record(n / 2))),
    }
}

fn json_typed() -> String {
    let records: Vec<_> = (0..20).map(record).collect();
    let text = serde_json::to_string_pretty(&records).unwrap();
    let back: Vec<Record> = serde_json::from_str(&text).unwrap();
    assert_eq!(back, records);
    let from_reader: Vec<Record> = serde_json::from_reader(text.as_bytes()).unwrap();
    assert_eq!(from_reader, records);
    text
}

fn json_values() -> String {
    let text = serde_json::to_string(&(0..20).map(record).collect::<Vec<_>>()).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value[3]["kind"] = serde_json::json!({"type": "Number", "of": -7});
    value.as_array_mut().unwrap().rotate_left(2);
    let records: Vec<Record> = serde_json::from_value(value.clone()).unwrap();
    format!("{} {:?} {value:#} {:?}", value[7], value.pointer("/1/inner/inner/name"), records[1])
}

fn json_errors() -> String {
    let wrong = ["", "[1,", "{\"id\": 1}", "[1e999]", "\"\\ud800\"", "{\"a\":nul}", "[[[[[[[[1]]]]]]]", "3 4"];
    let mut out = String::new();
    for text in wrong {
        let untyped = serde_json::from_str::<serde_json::Value>(text).map_err(|error| error.to_string());
        let typed =
            serde_json::from_str::<Record>(text).map_err(|error| (error.line(), error.column(), error.to_string()));
        write!(out, "{untyped:?} {typed:?} ").unwrap();
    }
    out
}

fn regular_expressions() -> String {
    let text = "foo-12 bar-9 zed-1234 \u{e9}t\u{e9}-77 2024-02-30 t1";
    let words = Regex::new(r"(?i)(?P<word>\w+)-(\d{1,3})[^a-z]*(t\d)?").unwrap();
    let found: Vec<_> = words.captures_iter(text).map(|c| format!("{c:?}")).collect();
    let swapped = words.replace_all(text, |c: &Captures<'_>| format!("<{}:{}>", &c[2], c["word"].to_uppercase()));
    let date = Regex::new(r"^(?:.*\s)?(\d{4})-(\d\d)-(\d\d)").unwrap();
    let parts = date.captures(text).map(|c| c.extract::<3>().1.map(str::to_owned));
    let wrong = Regex::new(&["(a", "(b", "(c)"].concat()).map_err(|error| error.to_string()).err();
    let unicode = Regex::new(r"\p{Greek}+|[\p{L}&&[^\p{ASCII}]]").unwrap();
    let letters: Vec<_> = unicode.find_iter("abc \u{3b1}\u{3b2}\u{3b3} \u{e9} \u{416}").map(|m| m.range()).collect();
    format!("{found:?} {swapped} {parts:?} {wrong:?} {letters:?} {:?}", words.split(text).collect::<Vec<_>>())
}

fn sorting() -> String {
    let random = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) % 10_007;
    let mut floats: Vec<f64> = (0..1500).map(|n| random(n) as f64 / 7.0).collect();
    floats.sort_by(|a, b| b.partial_cmp(a).unwrap());
    let largest = floats[..5].to_vec();
    floats.sort_unstable_by(|a, b| a.total_cmp(b));
    let mut texts: Vec<String> = (0..500).map(|n| random(n).to_string()).collect();
    texts.sort();
    texts.dedup_by_key(|text| text.len());
    let mut cached: Vec<u64> = (0..500).map(random).collect();
    cached.sort_by_cached_key(|n| std::cmp::Reverse(format!("{n:05}")));
    let mut pairs: Vec<(u64, u64)> = (0..400).map(|n| (random(n) % 10, n)).collect();
    pairs.sort_by_key(|pair| pair.0);
    let median = *pairs.clone().select_nth_unstable_by_key(200, |pair| pair.1).1;
    format!(
        "{largest:?} {:?} {texts:?} {:?} {:?} {median:?} {:?}",
        &floats[..5],
        &cached[..9],
        &pairs[30..60],
        cached.binary_search_by(|n| 5000.cmp(n))
    )
}

fn iterators() -> String {
    let words = "the quick brown fox jumps over the lazy dog and the rest";
    let counted = words.split(' ').flat_map(str::chars).fold(BTreeMap::new(), |mut map, c| {
        *map.entry(c).or_insert(0) += 1;
        map
    });
    let chain = (1..100_u64)
        .chain(500..520)
        .rev()
        .step_by(3)
        .filter(|n| n % 7 != 1)
        .map(|n| n * n)
        .zip(words.chars().cycle().skip(4))
        .scan(0, |sum, (n, c)| {
            *sum += n + u64::from(u32::from(c));
            Some(*sum)
        })
        .skip_while(|n| *n < 1000)
        .take_while(|n| *n < 9_000_000)
        .peekable();
    let (even, odd): (Vec<u64>, Vec<u64>) = chain.partition(|n| n % 2 == 0);
    let windows: Vec<_> = even.windows(3).map(|w| w.iter().sum::<u64>()).collect();
    let chunks: Vec<_> = odd.chunks(4).map(|c| c.iter().copied().max()).collect();
    let sum: Result<i32, _> = "1,2,x,4".split(',').map(str::parse::<i32>).sum();
    let all: Option<Vec<_>> = (0..20).map(|n: u32| n.checked_mul(3)).collect();
    let dynamic: Box<dyn Iterator<Item = u64>> = Box::new(even.iter().copied().map_while(|n| n.checked_sub(5)));
    format!("{counted:?} {windows:?} {chunks:?} {sum:?} {all:?} {:?}", dynamic.min_by_key(|n| n % 97))
}

trait Animal {
    fn legs(&self) -> f64;
    fn name(&self) -> Cow<'_, str> {
        "nobody".into()
    }
}

struct Insect(f64);
struct Named(String, Box<dyn Animal>);

impl Animal for Insect {
    fn legs(&self) -> f64 {
        6.0 * self.0
    }
}

impl Animal for Named {
    fn legs(&self) -> f64 {
        self.1.legs() + 0.5
    }
    fn name(&self) -> Cow<'_, str> {
        format!("{} over {:>5.2} and {}", self.0, self.1.legs(), self.1.name()).into()
    }
}

impl fmt::Display for dyn Animal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

fn dynamic_dispatch() -> String {
    let mut animal: Box<dyn Animal> = Box::new(Insect(1.25));
    for i in 0..20 {
        animal = Box::new(Named(format!("n{i}"), animal));
    }
    let any: Vec<Box<dyn std::any::Any>> = vec![Box::new(1_u8), Box::new("text"), Box::new(2.5_f64)];
    let floats: Vec<_> = any.iter().filter_map(|value| value.downcast_ref::<f64>()).collect();
    format!("{} {animal:>400} {floats:?}", animal.legs())
}

fn closures() -> String {
    fn adder(a: u64) -> impl Fn(u64) -> Box<dyn Fn(u64) -> u64> {
        move |b| Box::new(move |c| a * 100 + b * 10 + c)
    }
    fn compose<A, B, C>(f: impl Fn(A) -> B, g: impl Fn(B) -> C) -> impl Fn(A) -> C {
        move |x| g(f(x))
    }
    let curried = adder(4)(2)(1);
    let composed = compose(compose(|n: u32| n.to_string(), |text| text.repeat(3)), |text: String| text.parse::<u64>());
    let mut log = Vec::new();
    let mut record = |n: u64| {
        log.push(n);
        log.len()
    };
    let lengths: Vec<_> = (0..5).map(|n| record(n * n)).collect();
    let once: Vec<Box<dyn FnOnce() -> String>> = log
        .iter()
        .map(|n| n.to_string())
        .map(|text| Box::new(move || text + "!") as Box<dyn FnOnce() -> String>)
        .collect();
    let called: Vec<_> = once.into_iter().map(|f| f()).collect();
    let functions: [fn(f64) -> f64; 4] = [f64::sqrt, f64::ln, f64::cbrt, |x| x * 0.5];
    let folded = functions.iter().cycle().take(13).fold(1e9, |x, f| black_box(f)(x));
    format!("{curried} {:?} {lengths:?} {called:?} {folded}", composed(321))
}

fn strings() -> String {
    let text = "Stra\u{df}e \u{130}stanbul \u{3a3}\u{391}\u{3a3} na\u{ef}ve \u{1f980}";
    let mut edited = text.to_owned();
    edited.insert_str(8, "<->");
    edited.replace_range(..2, "\u{20ac}");
    let lossy = String::from_utf8_lossy(b"ok \xff\xfe broken \xe2\x82").into_owned();
    let utf16: Vec<u16> = text.encode_utf16().collect();
    format!(
        "{} {} {edited} {lossy} {:?} {:?} {:?} {:?}",
        text.to_uppercase(),
        text.to_lowercase(),
        String::from_utf16(&utf16),
        text.char_indices().filter(|(_, c)| !c.is_ascii()).collect::<Vec<_>>(),
        text.rsplit_once(' '),
        text.split_inclusive(char::is_whitespace).map(|part| part.escape_unicode().to_string()).collect::<Vec<_>>()
    )
}

fn wide_integers() -> String {
    let mut product = 1_u128;
    let mut out = String::new();
    for n in 1..=60_u128 {
        let (next, overflows) = black_box(product).overflowing_mul(black_box(n) | (n << 64));
        product = next | 1;
        write!(out, "{product} {overflows} {} {} ", product / (n + (n << 40)), product % (n * 1_000_003)).unwrap();
    }
    let negative = -(product as i128 >> 3);
    write!(out, "{negative} {:x} {:?} {}", product.rotate_left(77), negative.checked_pow(2), negative / 12_345)
        .unwrap();
    out
}

fn floating_point() -> String {
    let mut out = String::new();
    for n in 1..50 {
        let x = black_box(f64::from(n)) / 7.0;
        let bits = [x.sin(), x.cos(), x.tan(), x.exp(), x.ln(), x.powf(1.7), x.atan2(2.0), x.sinh(), x.hypot(3.0)];
        let rounded = [x.round(), x.floor(), x.rem_euclid(0.3), x.mul_add(2.0, 1.0), x.powi(5), x.fract()];
        write!(out, "{:x?} {:x?} ", bits.map(f64::to_bits), rounded.map(f64::to_bits)).unwrap();
        write!(out, "{} {:?} ", (x as f32).sqrt(), (x * 1e300) as i32).unwrap();
    }
    out
}

fn readers_and_writers() -> String {
    let mut cursor = Cursor::new(Vec::new());
    for n in 0..40 {
        writeln!(cursor, "line {n} {}", "x".repeat(n)).unwrap();
    }
    cursor.seek(SeekFrom::Start(12)).unwrap();
    let lines: Vec<_> = BufReader::with_capacity(16, &mut cursor).lines().map(Result::unwrap).collect();
    let mut rest = String::new();
    cursor.set_position(700);
    let read = Read::by_ref(&mut cursor).take(50).chain(&b"end"[..]).read_to_string(&mut rest).unwrap();
    let mut zero = std::io::copy(&mut std::io::repeat(7).take(10_000), &mut std::io::sink()).unwrap();
    zero += std::io::empty().read(&mut [0; 4]).unwrap() as u64;
    let error = std::fs::File::open("/nonexistent/file").map(drop);
    format!("{lines:?} {rest} {read} {zero} {error:?}")
}
