//! What is known of a word: its value, a few values it may have, or only where it may come from.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::U256;
use revm::bytecode::opcode;

/// A set of: the classical precompiles (an address may be theirs), and storage (a word may come from there).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Traits(u8);

impl Traits {
    pub const NONE: Self = Self(0);
    pub const ECRECOVER: Self = Self(1);
    pub const SECP256R1: Self = Self(2);
    /// alt_bn128 or BLS12-381.
    pub const PAIRING: Self = Self(4);
    pub const KZG: Self = Self(8);
    pub const STORAGE: Self = Self(16);

    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether any of it is a precompile.
    pub const fn is_precompile(self) -> bool {
        self.0 & !Self::STORAGE.0 != 0
    }

    /// Of the address in the low 20 bytes of `word`, which is all that a call looks at.
    pub fn of_address(word: U256) -> Self {
        let [low, middle, high, _] = *word.as_limbs();
        match (low, middle, high & 0xffff_ffff) {
            (0x01, 0, 0) => Self::ECRECOVER,
            (0x08 | 0x0f, 0, 0) => Self::PAIRING,
            (0x0a, 0, 0) => Self::KZG,
            (0x0100, 0, 0) => Self::SECP256R1,
            _ => Self::NONE,
        }
    }
}

impl core::ops::BitOr for Traits {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A word, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Value {
    /// Place in [`Words::constants`].
    Constant(u32),
    /// One of several constants: place in [`Words::sets`].
    OneOf(u32),
    /// Anything; with what it may be or may come from as far as that matters.
    Unknown(Traits),
}

impl Value {
    pub const ANY: Self = Self::Unknown(Traits::NONE);
}

/// As many values a word may have before it counts as unknown; loop counters get there soon.
const SET_LEN_MAX: usize = 4;
/// The same where each of them is a place to jump to: return addresses of a function that is much used.
const JUMP_SET_LEN_MAX: usize = 64;

/// Every constant and set of constants that the analysis of one code met, each once.
pub struct Words {
    /// Places of the code that may be jumped to, sorted.
    destinations: Vec<usize>,
    constants: Vec<Constant>,
    constant_places: BTreeMap<U256, u32>,
    sets: Vec<Set>,
    set_places: BTreeMap<Vec<u32>, u32>,
}

struct Constant {
    word: U256,
    traits: Traits,
    /// Which of `destinations` it is.
    destination: Option<usize>,
}

struct Set {
    /// Places of constants, sorted, at least two.
    places: Vec<u32>,
    /// Of any of them.
    traits: Traits,
    /// Whether all of them are `destinations`.
    are_destinations: bool,
}

impl Words {
    pub const ZERO: Value = Value::Constant(0);

    /// `destinations`: places of the code that may be jumped to, sorted.
    pub fn new(destinations: Vec<usize>) -> Self {
        let mut words = Self {
            destinations,
            constants: Vec::new(),
            constant_places: BTreeMap::new(),
            sets: Vec::new(),
            set_places: BTreeMap::new(),
        };
        words.constant(U256::ZERO);
        words
    }

    /// Places of the code that may be jumped to, sorted.
    pub fn destinations(&self) -> &[usize] {
        &self.destinations
    }

    pub fn constant(&mut self, word: U256) -> Value {
        if let Some(place) = self.constant_places.get(&word) {
            return Value::Constant(*place);
        }
        let traits = Traits::of_address(word);
        let Ok(place) = u32::try_from(self.constants.len()) else {
            return Value::Unknown(traits);
        };
        let destination = usize::try_from(word).ok();
        self.constants.push(Constant {
            word,
            traits,
            destination: destination.and_then(|place| self.destinations.binary_search(&place).ok()),
        });
        self.constant_places.insert(word, place);
        Value::Constant(place)
    }

    /// The value of a word that has one.
    pub fn known(&self, value: Value) -> Option<U256> {
        match value {
            Value::Constant(place) => Some(self.constant_at(place)?.word),
            _ => None,
        }
    }

    /// Whether a word may be zero, and whether it may be anything else.
    pub fn may_be_zero(&self, value: Value) -> (bool, bool) {
        let Some(places) = self.places(&value) else {
            return (true, true);
        };
        let zeros = self.constants_at(places).filter(|one| one.word.is_zero()).count();
        (zeros > 0, zeros < places.len())
    }

    /// Where a jump to a word may go, if that can be told: which of the destinations. To anywhere else it is an
    /// exceptional halt.
    pub fn targets(&self, value: Value) -> Option<Vec<usize>> {
        let places = self.places(&value)?;
        Some(self.constants_at(places).filter_map(|one| one.destination).collect())
    }

    /// The same of a word that is known, if it is a destination.
    pub fn target(&self, value: Value) -> Option<usize> {
        match value {
            Value::Constant(place) => self.constant_at(place)?.destination,
            _ => None,
        }
    }

    /// A number for the return address, or the set of them, that a word certainly is.
    pub fn returns_to(&self, value: Value) -> Option<u64> {
        match value {
            Value::Constant(place) => {
                self.constant_at(place)?.destination?;
                Some(u64::from(place))
            }
            Value::OneOf(place) => {
                self.set_at(place).filter(|set| set.are_destinations)?;
                Some(u64::from(place) | 1 << 32)
            }
            Value::Unknown(_) => None,
        }
    }

    /// What a word may be or may come from.
    pub fn traits(&self, value: Value) -> Traits {
        match value {
            Value::Constant(place) => self.constant_at(place).map(|one| one.traits),
            Value::OneOf(place) => self.set_at(place).map(|set| set.traits),
            Value::Unknown(traits) => Some(traits),
        }
        .unwrap_or_default()
    }

    /// The word without its value.
    pub fn forgotten(&self, value: Value) -> Value {
        Value::Unknown(self.traits(value))
    }

    /// What holds of a word that is either.
    pub fn join(&mut self, one: Value, other: Value) -> Value {
        if one == other {
            return one;
        }
        let places = match (self.places(&one), self.places(&other)) {
            (Some(places), Some(more)) => [places, more].concat(),
            _ => return Value::Unknown(self.traits(one) | self.traits(other)),
        };
        self.any_of(places)
    }

    /// The outcome of a pure instruction on `arguments`, the top of the stack first.
    pub fn compute(&mut self, op: u8, arguments: &[Value]) -> Value {
        if let Some(value) = self.calculated(op, arguments) {
            return value;
        }
        let all = arguments
            .iter()
            .fold(Traits::NONE, |all, argument| all | self.traits(*argument));
        let kept = match op {
            // A mask leaves what it is; packing moves what comes from storage.
            opcode::AND | opcode::OR => all,
            opcode::SHL | opcode::SHR | opcode::SAR | opcode::DIV | opcode::MUL | opcode::XOR => {
                if all.has(Traits::STORAGE) {
                    Traits::STORAGE
                } else {
                    Traits::NONE
                }
            }
            _ => Traits::NONE,
        };
        Value::Unknown(kept)
    }

    /// The same where every argument is known, or as good as known.
    fn calculated(&mut self, op: u8, arguments: &[Value]) -> Option<Value> {
        let word = match *arguments {
            [one] => evaluate(op, &[self.known(one)?])?,
            [one, two] => match (self.known(one), self.known(two)) {
                (Some(one), Some(two)) => evaluate(op, &[one, two])?,
                (Some(mask), None) if op == opcode::AND => return self.masked(two, mask),
                (None, Some(mask)) if op == opcode::AND => return self.masked(one, mask),
                _ => return None,
            },
            _ => return None,
        };
        Some(self.constant(word))
    }

    /// One of several words behind a mask, as compilers put it on pointers to functions.
    fn masked(&mut self, value: Value, mask: U256) -> Option<Value> {
        let places = self.places(&value)?;
        let words: Vec<U256> = self.constants_at(places).map(|one| one.word & mask).collect();
        let mut masked = Vec::with_capacity(words.len());
        for word in words {
            let Value::Constant(place) = self.constant(word) else {
                return None;
            };
            masked.push(place);
        }
        Some(self.any_of(masked))
    }

    /// What holds of a word that is one of several constants, at least one.
    fn any_of(&mut self, mut places: Vec<u32>) -> Value {
        places.sort_unstable();
        places.dedup();
        if let [place] = places.as_slice() {
            return Value::Constant(*place);
        }
        if let Some(place) = self.set_places.get(&places) {
            return Value::OneOf(*place);
        }
        let traits = self
            .constants_at(&places)
            .fold(Traits::NONE, |all, one| all | one.traits);
        let are_destinations = self.constants_at(&places).all(|one| one.destination.is_some());
        let len_max = if are_destinations {
            JUMP_SET_LEN_MAX
        } else {
            SET_LEN_MAX
        };
        let Ok(place) = u32::try_from(self.sets.len()) else {
            return Value::Unknown(traits);
        };
        if places.len() > len_max {
            return Value::Unknown(traits);
        }
        self.sets.push(Set {
            places: places.clone(),
            traits,
            are_destinations,
        });
        self.set_places.insert(places, place);
        Value::OneOf(place)
    }

    /// The constants that a word may be, if they can be told.
    fn places<'a>(&'a self, value: &'a Value) -> Option<&'a [u32]> {
        match value {
            Value::Constant(place) => Some(core::slice::from_ref(place)),
            Value::OneOf(place) => Some(&self.set_at(*place)?.places),
            Value::Unknown(_) => None,
        }
    }

    fn constants_at(&self, places: &[u32]) -> impl Iterator<Item = &Constant> {
        places.iter().filter_map(|place| self.constant_at(*place))
    }

    fn constant_at(&self, place: u32) -> Option<&Constant> {
        self.constants.get(usize_of(place))
    }

    fn set_at(&self, place: u32) -> Option<&Set> {
        self.sets.get(usize_of(place))
    }
}

/// What an instruction makes of known words; `None` for one that this does not calculate.
fn evaluate(op: u8, words: &[U256]) -> Option<U256> {
    let shift = |by: U256| usize::try_from(by).unwrap_or(256);
    Some(match (op, words) {
        (opcode::ADD, [a, b]) => a.wrapping_add(*b),
        (opcode::SUB, [a, b]) => a.wrapping_sub(*b),
        (opcode::MUL, [a, b]) => a.wrapping_mul(*b),
        (opcode::DIV, [a, b]) => a.checked_div(*b).unwrap_or_default(),
        (opcode::MOD, [a, b]) => a.checked_rem(*b).unwrap_or_default(),
        (opcode::EXP, [a, b]) => a.wrapping_pow(*b),
        (opcode::AND, [a, b]) => *a & *b,
        (opcode::OR, [a, b]) => *a | *b,
        (opcode::XOR, [a, b]) => *a ^ *b,
        (opcode::NOT, [a]) => !*a,
        (opcode::ISZERO, [a]) => U256::from(a.is_zero()),
        (opcode::EQ, [a, b]) => U256::from(a == b),
        (opcode::LT, [a, b]) => U256::from(a < b),
        (opcode::GT, [a, b]) => U256::from(a > b),
        (opcode::SHL, [by, a]) => a.wrapping_shl(shift(*by)),
        (opcode::SHR, [by, a]) => a.wrapping_shr(shift(*by)),
        _ => return None,
    })
}

fn usize_of(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
