//! How deep types lie in each other. Whoever reads a value recurses as deep, and metadata comes from whoever uploads code.

use scale_info::{PortableRegistry, TypeDef, form::PortableForm};

/// Types deeper than this, or without end, count as this deep.
pub const DEPTH_MAX: u8 = 128;

/// Of each type, by its id, how many lie in each other at most. `inline`: only through what takes no byte of its own, such as the
/// fields of a structure; where that has no end no value has.
pub fn depths(types: &PortableRegistry, inline: bool) -> Vec<u8> {
    let inner: Vec<Vec<usize>> = types.types.iter().map(|ty| inner(&ty.ty.type_def, inline)).collect();
    let mut depths = vec![1; inner.len()];
    // Each round finds those that are one deeper.
    for _ in 1..DEPTH_MAX {
        let deeper = inner.iter().map(|ids| {
            let below = ids.iter().filter_map(|id| depths.get(*id)).max();
            below.map_or(1, |below: &u8| below.saturating_add(1).min(DEPTH_MAX))
        });
        let deeper: Vec<u8> = deeper.collect();
        if deeper == depths {
            break;
        }
        depths = deeper;
    }
    depths
}

/// Ids of what a type has inside.
fn inner(ty: &TypeDef<PortableForm>, inline: bool) -> Vec<usize> {
    let ids: Vec<u32> = match ty {
        TypeDef::Composite(composite) => composite.fields.iter().map(|field| field.ty.id).collect(),
        TypeDef::Tuple(tuple) => tuple.fields.iter().map(|field| field.id).collect(),
        TypeDef::Array(array) => vec![array.type_param.id],
        TypeDef::Compact(compact) => vec![compact.type_param.id],
        TypeDef::Sequence(sequence) if !inline => vec![sequence.type_param.id],
        TypeDef::Variant(variants) if !inline => {
            let fields = variants.variants.iter().flat_map(|variant| &variant.fields);
            fields.map(|field| field.ty.id).collect()
        }
        _ => Vec::new(),
    };
    ids.into_iter().filter_map(|id| usize::try_from(id).ok()).collect()
}
