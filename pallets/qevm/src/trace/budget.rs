//! How much a trace may hold.

/// Bytes of what is recorded of one transaction, about as they are in SCALE: 64 MiB.
pub const RECORDED_BYTES_MAX: usize = 64 << 20;

/// What is left of it. Once something did not fit, nothing fits: a trace has a beginning, not holes.
pub(super) struct Budget {
    left: usize,
    exhausted: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            left: RECORDED_BYTES_MAX,
            exhausted: false,
        }
    }
}

impl Budget {
    #[cfg(test)]
    pub(super) fn of(left: usize) -> Self {
        Self { left, exhausted: false }
    }

    /// Takes so much; whether it was there.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) if !self.exhausted => {
                self.left = left;
                true
            }
            _ => {
                self.exhausted = true;
                false
            }
        }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }
}
