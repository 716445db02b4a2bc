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
#[derive(Default)]
pub struct Words {
    constants: Vec<U256>,
    constant_places: BTreeMap<U256, u32>,
    /// Sorted places of constants.
    sets: Vec<Vec<u32>>,
    set_places: BTreeMap<Vec<u32>, u32>,
}

impl Words {
    pub fn constant(&mut self, word: U256) -> Value {
        if let Some(place) = self.constant_places.get(&word) {
            return Value::Constant(*place);
        }
        let Ok(place) = u32::try_from(self.constants.len()) else {
            return Value::Unknown(Traits::of_address(word));
        };
        self.constants.push(word);
        self.constant_places.insert(word, place);
        Value::Constant(place)
    }

    /// The value of a word that has one.
    pub fn known(&self, value: Value) -> Option<U256> {
        match value {
            Value::Constant(place) => self.constants.get(usize_of(place)).copied(),
            _ => None,
        }
    }

    /// The values that a word may have, if they can be told.
    pub fn possible(&self, value: Value) -> Option<Vec<U256>> {
        match value {
            Value::Constant(_) => Some(alloc::vec![self.known(value)?]),
            Value::OneOf(place) => {
                let places = self.sets.get(usize_of(place))?;
                places
                    .iter()
                    .map(|place| self.constants.get(usize_of(*place)).copied())
                    .collect()
            }
            Value::Unknown(_) => None,
        }
    }

    /// What a word may be or may come from.
    pub fn traits(&self, value: Value) -> Traits {
        match value {
            Value::Unknown(traits) => traits,
            value => {
                let words = self.possible(value).unwrap_or_default();
                words
                    .into_iter()
                    .fold(Traits::NONE, |all, word| all | Traits::of_address(word))
            }
        }
    }

    /// The word without its value.
    pub fn forgotten(&self, value: Value) -> Value {
        Value::Unknown(self.traits(value))
    }

    /// What holds of a word that is either. `is_jump` tells places to jump to.
    pub fn join(&mut self, one: Value, other: Value, is_jump: impl Fn(U256) -> bool) -> Value {
        if one == other {
            return one;
        }
        let union = match (self.places(one), self.places(other)) {
            (Some(mut places), Some(more)) => {
                places.extend(more);
                places.sort_unstable();
                places.dedup();
                Some(places)
            }
            _ => None,
        };
        let fitting = union.filter(|places| {
            let constant = |place: &u32| self.constants.get(usize_of(*place)).copied();
            let all_jumps = || places.iter().filter_map(constant).all(&is_jump);
            places.len() <= SET_LEN_MAX || (places.len() <= JUMP_SET_LEN_MAX && all_jumps())
        });
        match fitting {
            Some(places) => self.set(places),
            None => Value::Unknown(self.traits(one) | self.traits(other)),
        }
    }

    /// The outcome of a pure instruction on `arguments`, the top of the stack first.
    pub fn compute(&mut self, op: u8, arguments: &[Value]) -> Value {
        let known: Option<Vec<U256>> = arguments.iter().map(|argument| self.known(*argument)).collect();
        if let Some(word) = known.and_then(|words| evaluate(op, &words)) {
            return self.constant(word);
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

    fn places(&self, value: Value) -> Option<Vec<u32>> {
        match value {
            Value::Constant(place) => Some(alloc::vec![place]),
            Value::OneOf(place) => self.sets.get(usize_of(place)).cloned(),
            Value::Unknown(_) => None,
        }
    }

    /// `places`: sorted, at least two.
    fn set(&mut self, places: Vec<u32>) -> Value {
        if let Some(place) = self.set_places.get(&places) {
            return Value::OneOf(*place);
        }
        let Ok(place) = u32::try_from(self.sets.len()) else {
            return Value::ANY;
        };
        self.sets.push(places.clone());
        self.set_places.insert(places, place);
        Value::OneOf(place)
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
