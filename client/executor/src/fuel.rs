//! What instructions cost in fuel. Whether a trial of code or a guarded call runs out decides what is in the state, so the costs are
//! part of the chain's rules and written down here: a newer compiler with other defaults must not change them. Whoever changes one
//! has old and new nodes that disagree, and needs a new level of host functions for it (ADR 27).

use wasmtime::{OperatorCost, VariableOperatorCost};

/// One unit an instruction, none for those that only say where control goes; and one for each byte or element moved at once.
pub(crate) fn costs() -> OperatorCost {
    OperatorCost {
        Nop: 0,
        Drop: 0,
        Block: 0,
        Loop: 0,
        Unreachable: 0,
        Return: 0,
        Else: 0,
        End: 0,
        variable: VariableOperatorCost {
            memory_copy_per_byte: 1,
            memory_fill_per_byte: 1,
            memory_init_per_byte: 1,
            // Memory is bounded by itself.
            memory_grow_per_page: 0,
            table_copy_per_element: 1,
            table_fill_per_element: 1,
            table_init_per_element: 1,
            table_grow_per_element: 1,
            // Of arrays, which no runtime may have.
            ..VariableOperatorCost::new()
        },
        // Held to 1 by a test: there are hundreds.
        ..OperatorCost::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Metering, config};
    use wasmtime::{Engine, Instance, Module, Store};

    #[test]
    fn every_instruction_costs_one_but_for_those_named() {
        let told = format!("{:?}", costs());
        let (flat, _) = told
            .trim_start_matches("OperatorCost { ")
            .split_once(", variable:")
            .unwrap();
        let costs: Vec<(&str, &str)> = flat.split(", ").map(|cost| cost.split_once(": ").unwrap()).collect();
        assert!(costs.len() > 200, "{}", costs.len());
        let mut others: Vec<_> = costs.iter().filter(|(_, cost)| *cost != "1").copied().collect();
        others.sort_unstable();
        let free = ["Block", "Drop", "Else", "End", "Loop", "Nop", "Return", "Unreachable"];
        assert_eq!(others, free.map(|name| (name, "0")));
    }

    /// What the compiler makes of the costs: the same program takes the same fuel, under every version of it.
    #[test]
    fn programs_cost_what_they_did() {
        let engine = Engine::new(&config(Metering::Fuel)).unwrap();
        for (name, body, expected) in [
            ("nothing", "", 1),
            ("a sum", "(drop (i32.add (i32.const 1) (i32.const 2)))", 4),
            ("a call", "(call $leaf)", 3),
            (
                "a hundred rounds",
                "(local $i i32) (loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))",
                701,
            ),
            (
                "1000 bytes filled",
                "(memory.fill (i32.const 0) (i32.const 7) (i32.const 1000))",
                1005,
            ),
            (
                "1000 bytes copied",
                "(memory.copy (i32.const 0) (i32.const 9) (i32.const 1000))",
                1005,
            ),
            ("a page more", "(drop (memory.grow (i32.const 1)))", 3),
            (
                "a branch taken",
                "(if (i32.const 1) (then (nop)) (else (unreachable)))",
                3,
            ),
            (
                "a vector",
                "(drop (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 5 6 7 8)))",
                4,
            ),
        ] {
            let text = format!(r#"(module (memory 1 4) (func $leaf) (func (export "run") {body}))"#);
            let module = Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
            let mut store = Store::new(&engine, ());
            store.set_fuel(1_000_000).unwrap();
            store.set_epoch_deadline(u64::MAX / 2);
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let before = store.get_fuel().unwrap();
            let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
            run.call(&mut store, ()).unwrap();
            assert_eq!(before - store.get_fuel().unwrap(), expected, "{name}");
        }
    }
}
