//! `cargo run -p quids-xtask -- structure`: every structural rule on this workspace, one line a violation.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args != ["structure"] {
        eprintln!("usage: quids-xtask structure");
        return ExitCode::from(2);
    }
    match quids_xtask::check_structure(&quids_xtask::root()) {
        Ok(violations) if violations.is_empty() => {
            println!("structure: every rule holds");
            ExitCode::SUCCESS
        }
        Ok(violations) => {
            violations.iter().for_each(|violation| println!("{violation}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
