//! What is promised of the split build's figures.

/// How a figure is judged.
#[derive(Clone, Copy)]
pub enum Limit {
    /// Split over plain.
    Ratio(f64),
    /// Split less plain, in the figure's unit.
    Plus(f64),
    /// The split build's figure alone.
    Alone(f64),
}

pub struct Target {
    /// The split build's figure.
    pub name: &'static str,
    /// The plain build's that it is compared with.
    pub against: &'static str,
    pub limit: Limit,
}

const fn ratio(name: &'static str, limit: f64) -> Target {
    Target { name, against: name, limit: Limit::Ratio(limit) }
}

const fn plus(name: &'static str, limit: f64) -> Target {
    Target { name, against: name, limit: Limit::Plus(limit) }
}

const fn alone(name: &'static str, limit: f64) -> Target {
    Target { name, against: name, limit: Limit::Alone(limit) }
}

/// An allocation may take this much of what the system's takes in a plain build.
const fn malloc(name: &'static str, against: &'static str) -> Target {
    Target { name, against, limit: Limit::Ratio(1.2) }
}

pub static TARGETS: [Target; 18] = [
    ratio("fib", 1.10),
    ratio("hashmap", 1.05),
    ratio("strings", 1.08),
    ratio("json_typed", 1.06),
    ratio("json_value", 1.08),
    ratio("regex", 1.05),
    ratio("sort", 1.03),
    plus("cross_crate", 0.3),
    plus("indirect", 1.0),
    plus("foreign", 3.0),
    alone("hot_split", 4.0),
    alone("hot_split_segments", 0.0),
    alone("recursion_ratio", 0.6),
    alone("recursion_pinned_ratio", 0.6),
    malloc("malloc_16", "malloc_system_16"),
    malloc("malloc_64", "malloc_system_64"),
    malloc("malloc_256", "malloc_system_256"),
    malloc("malloc_1024", "malloc_system_1024"),
];
