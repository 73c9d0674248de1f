//! What cargo's configuration files say that a split build does not follow: its compiler wrapper is ours, its target the only one.

use cargo_config2::de::{Config, StringOrArray};

/// Settings of the files that apply in the current directory.
#[derive(Debug, Default)]
pub struct CargoConfig {
    /// `build.rustc-wrapper`
    pub wrapper: Option<String>,
    /// `build.target`
    pub targets: Vec<String>,
}

impl CargoConfig {
    /// Reads the files. One that cannot be read says nothing here: cargo will say why.
    pub fn load() -> Self {
        let Ok(Config { build, .. }) = Config::load() else { return Self::default() };
        let targets = match build.target {
            None => Vec::new(),
            Some(StringOrArray::String(target)) => vec![target.val],
            Some(StringOrArray::Array(targets)) => targets.into_iter().map(|target| target.val).collect(),
        };
        Self { wrapper: build.rustc_wrapper.map(|wrapper| wrapper.val), targets }
    }
}
