//! Names as linkers see them.

use crate::object::Options;
use crate::syntax::{Abi, Symbol};

/// The linkage name of a symbol.
///
/// `.add` is `package.add`; a static name also has the file's name, a function of the other calling convention that. What Go's
/// sources call `runtime.morestack` is the runtime's own.
pub(super) fn linkage(symbol: &Symbol, options: &Options) -> String {
    let mut name = match symbol.name.strip_prefix('.') {
        Some(rest) => format!("{}.{rest}", options.package),
        None => match symbol.name.as_str() {
            "runtime.morestack" => "morestack".to_owned(),
            "runtime.morestack_noctxt" => "morestack_noctxt".to_owned(),
            name => name.to_owned(),
        },
    };
    if symbol.is_static {
        name = format!("{name}<{}>", options.unit);
    }
    if symbol.abi == Some(Abi::Internal) {
        name.push_str("<ABIInternal>");
    }
    name
}
