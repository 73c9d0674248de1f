//! What follows a mnemonic of AVX-512 behind dots.

use iced_x86::RoundingControl;

use super::EncodeError;

/// The suffixes of an instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suffixes {
    /// `.Z`: elements that the mask leaves out become zero.
    pub(super) zero: bool,
    /// `.BCST`: one element from memory stands for all.
    pub(super) broadcast: bool,
    /// `.SAE`: no exceptions.
    pub(super) suppress: bool,
    /// `.RN_SAE` and so on: no exceptions, and rounding as told.
    pub(super) rounding: RoundingControl,
}

impl Suffixes {
    /// Reads them. `.Z` comes last, and of the others there can be one.
    pub(super) fn parse(mnemonic: &str, suffixes: &[String]) -> Result<Suffixes, EncodeError> {
        let mut parsed = Suffixes { zero: false, broadcast: false, suppress: false, rounding: RoundingControl::None };
        for (index, suffix) in suffixes.iter().enumerate() {
            let wrong = |what| EncodeError::Suffix { mnemonic: mnemonic.into(), suffix: suffix.clone(), what };
            if parsed.zero {
                return Err(wrong("nothing can follow .Z"));
            }
            if index > 0 && suffix != "Z" {
                return Err(wrong("only .Z can follow another suffix"));
            }
            match suffix.as_str() {
                "Z" => parsed.zero = true,
                "BCST" => parsed.broadcast = true,
                "SAE" => parsed.suppress = true,
                "RN_SAE" => parsed.rounding = RoundingControl::RoundToNearest,
                "RD_SAE" => parsed.rounding = RoundingControl::RoundDown,
                "RU_SAE" => parsed.rounding = RoundingControl::RoundUp,
                "RZ_SAE" => parsed.rounding = RoundingControl::RoundTowardZero,
                _ => return Err(wrong("the suffixes are Z, BCST, SAE, RN_SAE, RD_SAE, RU_SAE and RZ_SAE")),
            }
        }
        Ok(parsed)
    }

    /// Whether there are any.
    pub(super) fn any(self) -> bool {
        self.zero || self.broadcast || self.suppress || self.rounds()
    }

    /// Whether it says how to round.
    pub(super) fn rounds(self) -> bool {
        self.rounding != RoundingControl::None
    }
}
