//! The runtime's heap: free lists by power-of-two size over a bump pointer. What it does depends only on the
//! calls since the last reset, never on how much memory the instance already has, so a reused instance and a
//! fresh one behave alike.
//!
//! Libraries keep heap pointers in statics that they fill once and that a reset would leave dangling. So the first
//! `quids_alloc` of an instance lets the runtime fill them (`quids_warm`, see [`crate::warm!`]) and sets the mark; a reset
//! forgets everything above it and nothing below.

use crate::abi::MEMORY_PAGES_MAX;
use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::null_mut,
};

/// Smallest block: 16 bytes. Class `i` holds blocks of `16 << i` bytes.
const CLASS_MIN_LOG2: u32 = 4;
/// Largest block: 256 MiB.
const CLASSES: usize = 25;
const PAGE: usize = 65536;

struct State {
    /// First never-used byte; 0 before the first allocation.
    top: usize,
    /// Heads of the free lists; 0 is empty. A free block's first word is the next one's address.
    free: [usize; CLASSES],
    /// Where a reset puts `top`: the first byte that the warm-up left. 0 before the warm-up.
    mark: usize,
}

impl State {
    const FRESH: Self = Self {
        top: 0,
        free: [0; CLASSES],
        mark: 0,
    };
}

struct Allocator(UnsafeCell<State>);

// SAFETY: a runtime instance has one thread.
unsafe impl Sync for Allocator {}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(UnsafeCell::new(State::FRESH));

unsafe extern "C" {
    /// Set by the linker: the first byte after stack and data.
    static __heap_base: u8;
}

unsafe extern "Rust" {
    /// Made by [`crate::warm!`] in the runtime.
    safe fn quids_warm();
}

fn heap_base() -> usize {
    (&raw const __heap_base as usize + 15) & !15
}

fn class_of(layout: Layout) -> usize {
    let size = layout.size().max(layout.align()).max(1 << CLASS_MIN_LOG2);
    (usize::BITS - (size - 1).leading_zeros() - CLASS_MIN_LOG2) as usize
}

// SAFETY: blocks are disjoint (bump) or handed out once (taken off their list); alignment up to 16 comes from
// rounding the bump pointer to 16, larger alignments are refused with a null pointer.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class_of(layout);
        // SAFETY: one thread, and no reference outlives this function.
        let state = unsafe { &mut *self.0.get() };
        let Some(head) = state.free.get_mut(class) else {
            return null_mut();
        };
        if layout.align() > 16 {
            return null_mut();
        }
        if *head != 0 {
            let block = *head as *mut u8;
            // SAFETY: a block on a free list is at least 16 bytes of ours whose first word is the next address.
            *head = unsafe { block.cast::<usize>().read() };
            return block;
        }
        if state.top == 0 {
            state.top = heap_base();
        }
        let size = 1usize << (class as u32 + CLASS_MIN_LOG2);
        let start = state.top;
        let Some(end) = start.checked_add(size) else {
            return null_mut();
        };
        if end > MEMORY_PAGES_MAX as usize * PAGE {
            return null_mut();
        }
        let pages = core::arch::wasm32::memory_size::<0>();
        let needed = end.div_ceil(PAGE);
        if needed > pages && core::arch::wasm32::memory_grow::<0>(needed - pages) == usize::MAX {
            return null_mut();
        }
        state.top = end;
        start as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`; `block` came from there with the same layout, so it is at least 16 bytes.
        unsafe {
            let state = &mut *self.0.get();
            if let Some(head) = state.free.get_mut(class_of(layout)) {
                block.cast::<usize>().write(*head);
                *head = block as usize;
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `new_size` rounded up to the alignment does not overflow.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if class_of(new_layout) == class_of(layout) {
            return block;
        }
        // SAFETY: both blocks are live, disjoint and at least as long as what is copied.
        unsafe {
            let new = self.alloc(new_layout);
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

/// Fills the statics that live on the heap and keeps what is on it from every reset to come. Blocks that the warm-up
/// freed are lost: a block on a free list holds the next one's address, which a later use would overwrite.
fn warm_once() {
    // SAFETY: one thread, and no reference outlives the statement.
    if unsafe { (*ALLOCATOR.0.get()).mark } != 0 {
        return;
    }
    quids_warm();
    // SAFETY: as above; `quids_warm`, which allocates, has returned.
    let state = unsafe { &mut *ALLOCATOR.0.get() };
    state.free = [0; CLASSES];
    state.top = state.top.max(heap_base());
    state.mark = state.top;
}

/// A buffer for the host to write an input into.
#[unsafe(no_mangle)]
extern "C" fn quids_alloc(length: u32) -> u32 {
    warm_once();
    let Ok(layout) = Layout::from_size_align((length as usize).max(1), 16) else {
        return 0;
    };
    // SAFETY: the layout's size is not zero.
    unsafe { ALLOCATOR.alloc(layout) as u32 }
}

/// Forgets every allocation since the warm-up: the heap is as in a fresh instance after it.
#[unsafe(no_mangle)]
extern "C" fn quids_reset() {
    // SAFETY: one thread; the host calls this only between API calls, when no allocation is in use.
    let state = unsafe { &mut *ALLOCATOR.0.get() };
    *state = State {
        top: state.mark,
        mark: state.mark,
        ..State::FRESH
    };
}
