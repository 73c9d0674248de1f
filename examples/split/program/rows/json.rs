//! `serde_json`: a document of some 25 KB, parsed into structs and into `Value`, and dropped.

use crate::program::measure::row;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;
use std::hint::black_box;

const USERS: usize = 200;

#[derive(Deserialize)]
#[allow(dead_code, reason = "they are parsed")]
struct User<'a> {
    id: u64,
    name: String,
    #[serde(borrow)]
    email: &'a str,
    score: f64,
    active: bool,
    tags: Vec<String>,
    address: Address,
    manager: Option<u64>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "they are parsed")]
struct Address {
    street: String,
    city: String,
    at: [f64; 2],
}

/// The same text in each run.
pub fn document() -> String {
    let mut text = String::from("[");
    for i in 0..USERS {
        let comma = if i == 0 { "" } else { "," };
        let manager = if i % 3 == 0 { "null".to_owned() } else { (i / 3).to_string() };
        write!(
            text,
            r#"{comma}{{"id":{i},"name":"Name \"{i}\"","email":"user{i}@example.org","score":{i}.25,"active":{},"tags":["a{i}","b","c"],"address":{{"street":"{i} Long Street","city":"X","at":[{i}.5,-1e-3]}},"manager":{manager}}}"#,
            i % 2 == 0,
        )
        .expect("a String takes all");
    }
    text + "]"
}

pub fn typed() {
    let text = document();
    row("json_typed", USERS, || {
        let users: Vec<User> = serde_json::from_str(&text).expect("a document that we wrote");
        assert_eq!(users.len(), USERS);
        black_box(users);
    });
}

pub fn value() {
    let text = document();
    row("json_value", USERS, || {
        let users: Value = serde_json::from_str(&text).expect("a document that we wrote");
        assert_eq!(users.as_array().map(Vec::len), Some(USERS));
        black_box(users);
    });
}
