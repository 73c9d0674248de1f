//! The linked file: its functions, its constant memory, and where an address is in the file.

use std::collections::HashMap;
use std::ops::Range;

use object::elf;
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SymbolKind};

/// A function symbol. Where several have one address, the first.
#[derive(Clone, Debug)]
pub(super) struct Function<'d> {
    pub(super) address: u64,
    /// Its bytes. A symbol without a size (assembly) ends at the next one.
    pub(super) size: u64,
    pub(super) name: &'d str,
    /// Its address is chosen when the program starts.
    pub(super) ifunc: bool,
}

impl Function<'_> {
    pub(super) fn range(&self) -> Range<u64> {
        self.address..self.address + self.size
    }
}

/// What a pointer in constant memory holds once the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// An address in this file.
    Local(u64),
    /// A symbol of a shared library, or a function that is chosen at start-up. The number is the slot's address.
    Foreign(u64),
}

#[derive(Debug)]
pub(super) struct Image<'d> {
    pub(super) data: &'d [u8],
    pub(super) functions: Vec<Function<'d>>,
    loads: Vec<Load>,
    /// Names of all defined symbols that the tool looks for, see [`Image::symbol`].
    symbols: HashMap<&'d str, u64>,
    slots: HashMap<u64, Slot>,
    dynamic_names: HashMap<u64, &'d str>,
    sections: HashMap<&'d str, (u64, &'d [u8])>,
    /// Addresses that pointers in data hold: ends of jump tables, among others.
    pub(super) pointed_to: Vec<u64>,
}

#[derive(Debug)]
struct Load {
    addresses: Range<u64>,
    offset: u64,
    executable: bool,
}

impl<'d> Image<'d> {
    pub(super) fn parse(data: &'d [u8]) -> Result<Image<'d>, String> {
        let elf = ElfFile64::<LittleEndian>::parse(data).map_err(|error| error.to_string())?;
        let header = elf.elf_header();
        let endian = elf.endian();
        if header.e_machine(endian) != elf::EM_X86_64 {
            return Err("it is not for x86-64".into());
        }
        if header.e_type(endian) != elf::ET_DYN {
            return Err(
                "it is not a position-independent executable; leave `-C relocation-model` at its default".into()
            );
        }
        let mut loads = Vec::new();
        let mut constant = Vec::new();
        for segment in elf.elf_program_headers() {
            let start = segment.p_vaddr(endian);
            match segment.p_type(endian) {
                elf::PT_LOAD => loads.push(Load {
                    addresses: start..start + segment.p_filesz(endian),
                    offset: segment.p_offset(endian),
                    executable: segment.p_flags(endian) & elf::PF_X != 0,
                }),
                // Written by the loader before anything runs, read-only from then on.
                elf::PT_GNU_RELRO => constant.push(start..start + segment.p_memsz(endian)),
                _ => {}
            }
        }
        let mut image = Image {
            data,
            functions: Vec::new(),
            loads,
            symbols: HashMap::new(),
            slots: HashMap::new(),
            dynamic_names: HashMap::new(),
            sections: HashMap::new(),
            pointed_to: Vec::new(),
        };
        for section in elf.sections() {
            if let (Ok(name), Ok(data)) = (section.name(), section.data()) {
                image.sections.entry(name).or_insert((section.address(), data));
            }
        }
        image.read_symbols(&elf);
        image.read_slots(&elf, &constant);
        Ok(image)
    }

    fn read_symbols(&mut self, elf: &ElfFile64<'d, LittleEndian>) {
        let mut labels = Vec::new();
        for symbol in elf.symbols().filter(|symbol| symbol.section_index().is_some()) {
            let Ok(name) = symbol.name() else { continue };
            if name.is_empty() {
                continue;
            }
            self.symbols.entry(name).or_insert(symbol.address());
            if !self.executable(symbol.address()) {
                continue;
            }
            let ifunc = is_ifunc(&symbol);
            let function = Function { address: symbol.address(), size: symbol.size(), name, ifunc };
            match symbol.kind() {
                SymbolKind::Text => self.functions.push(function),
                _ if ifunc => self.functions.push(function),
                SymbolKind::Unknown | SymbolKind::Label => labels.push(function),
                _ => {}
            }
        }
        let mut ifuncs: Vec<u64> = self.functions.iter().filter(|f| f.ifunc).map(|f| f.address).collect();
        ifuncs.sort_unstable();
        self.sort_functions();
        // Assembly need not say that a label is a function. Labels within functions are not.
        labels.retain(|label| self.around(label.address).is_none());
        self.functions.append(&mut labels);
        self.sort_functions();
        for index in 0..self.functions.len() {
            let next = self.functions.get(index + 1).map(|next| next.address);
            let end = self.executable_end(self.functions[index].address);
            let function = &mut self.functions[index];
            function.ifunc = ifuncs.binary_search(&function.address).is_ok();
            if function.size == 0 {
                function.size = next.unwrap_or(end).min(end) - function.address;
            }
            function.size = function.size.min(end - function.address);
        }
    }

    /// Of several at one address the largest counts, so that no byte of any is left out.
    fn sort_functions(&mut self) {
        self.functions.sort_by_key(|function| (function.address, std::cmp::Reverse(function.size)));
        self.functions.dedup_by_key(|function| function.address);
    }

    /// What pointers in constant memory will hold: only there a value that is known now is still right at the call.
    fn read_slots(&mut self, elf: &ElfFile64<'d, LittleEndian>, constant: &[Range<u64>]) {
        let dynamic = elf.dynamic_symbol_table();
        for (address, relocation) in elf.dynamic_relocations().into_iter().flatten() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
            let slot = match (r_type, relocation.target()) {
                (elf::R_X86_64_RELATIVE, _) => {
                    self.pointed_to.push(relocation.addend() as u64);
                    Slot::Local(relocation.addend() as u64)
                }
                (elf::R_X86_64_IRELATIVE, _) => Slot::Foreign(address),
                (elf::R_X86_64_GLOB_DAT | elf::R_X86_64_64, RelocationTarget::Symbol(index)) => {
                    use object::ObjectSymbolTable;
                    let Some(symbol) = dynamic.and_then(|table| table.symbol_by_index(index).ok()) else { continue };
                    let Ok(name) = symbol.name() else { continue };
                    if is_ifunc(&symbol) || symbol.section_index().is_none() {
                        // A weak symbol that nobody defines makes this null, and code tests it before the call; so if it is
                        // called it is a library's.
                        self.dynamic_names.insert(address, name);
                        Slot::Foreign(address)
                    } else {
                        // Nobody overrides an executable's own symbols.
                        Slot::Local(symbol.address().wrapping_add(relocation.addend() as u64))
                    }
                }
                _ => continue,
            };
            if constant.iter().any(|range| range.contains(&address)) {
                self.slots.insert(address, slot);
            }
        }
    }

    /// The bytes at an address, up to `len` and the end of the segment's part of the file.
    pub(super) fn bytes(&self, address: u64, len: u64) -> &'d [u8] {
        let Some(load) = self.loads.iter().find(|load| load.addresses.contains(&address)) else { return &[] };
        let len = len.min(load.addresses.end - address) as usize;
        let offset = (address - load.addresses.start + load.offset) as usize;
        self.data.get(offset..offset + len).unwrap_or(&[])
    }

    pub(super) fn read_i32(&self, address: u64) -> Option<i32> {
        Some(i32::from_le_bytes(self.bytes(address, 4).try_into().ok()?))
    }

    /// Where in the file the byte at an address is.
    pub(super) fn offset(&self, address: u64) -> Option<usize> {
        let load = self.loads.iter().find(|load| load.addresses.contains(&address))?;
        Some((address - load.addresses.start + load.offset) as usize)
    }

    pub(super) fn executable(&self, address: u64) -> bool {
        self.loads.iter().any(|load| load.executable && load.addresses.contains(&address))
    }

    pub(super) fn executable_ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.loads.iter().filter(|load| load.executable).map(|load| load.addresses.clone())
    }

    fn executable_end(&self, address: u64) -> u64 {
        self.executable_ranges().find(|range| range.contains(&address)).map_or(address, |range| range.end)
    }

    pub(super) fn symbol(&self, name: &str) -> Option<u64> {
        self.symbols.get(name).copied()
    }

    pub(super) fn section(&self, name: &str) -> Option<(u64, &'d [u8])> {
        self.sections.get(name).copied()
    }

    pub(super) fn slot(&self, address: u64) -> Option<Slot> {
        self.slots.get(&address).copied()
    }

    /// The name of the library's symbol that a slot will point to.
    pub(super) fn dynamic_name(&self, slot: u64) -> Option<&'d str> {
        self.dynamic_names.get(&slot).copied()
    }

    /// The function that begins at an address.
    pub(super) fn at(&self, address: u64) -> Option<usize> {
        self.functions.binary_search_by_key(&address, |function| function.address).ok()
    }

    /// The function that an address is in.
    pub(super) fn around(&self, address: u64) -> Option<usize> {
        let index = self.functions.partition_point(|function| function.address <= address).checked_sub(1)?;
        self.functions[index].range().contains(&address).then_some(index)
    }
}

fn is_ifunc<'d>(symbol: &impl ObjectSymbol<'d>) -> bool {
    matches!(symbol.flags(), object::SymbolFlags::Elf { st_info, .. } if st_info & 0xf == elf::STT_GNU_IFUNC)
}

/// The name as it was written, without the hash.
pub(super) fn demangle(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}
