//! The plans and bundles of every sandbox.
//!
//! They are fixed, so that example files can name them.

/// Something a customer can be subscribed to: a plan, or a bundle of plans.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer {
    /// The id that a create names: `pln_` or `bun_` and 32 hexadecimal digits.
    pub id: &'static str,
    /// The name for display.
    pub name: &'static str,
    /// Its id in the account's own systems.
    pub external_id: &'static str,
    /// The price of a plan per interval.
    pub price: u32,
    /// How often a plan is charged.
    pub interval: &'static str,
    /// The dimension that a plan meters.
    pub dimension_id: &'static str,
    /// The entitlements of a plan. The reference gives no form; these are names.
    pub entitlements: &'static [&'static str],
    /// The plans in a bundle.
    pub plans: &'static [Offer],
}

/// When all offers were created and last modified.
pub(in crate::sandbox) const MADE: &str = "2022-01-01T00:00:00.000Z";

/// The smallest plan.
pub const STARTER: Offer = Offer {
    id: "pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1",
    name: "Starter",
    external_id: "starter",
    price: 10,
    interval: "MONTH",
    dimension_id: "dim_1a2b3c4d5e6f70819203a4b5c6d7e8f9",
    entitlements: &["api"],
    plans: &[],
};

/// The medium plan.
pub const GROWTH: Offer = Offer {
    id: "pln_6b4c1d8e0f2a53749506b7c8d9e0f1a2",
    name: "Growth",
    external_id: "growth",
    price: 100,
    interval: "MONTH",
    dimension_id: "dim_2b3c4d5e6f708192a3b4c5d6e7f80910",
    entitlements: &["api", "reports"],
    plans: &[],
};

/// The largest plan.
pub const ENTERPRISE: Offer = Offer {
    id: "pln_7c5d2e9f1a3b64850617c8d9e0f1a2b3",
    name: "Enterprise",
    external_id: "enterprise",
    price: 10_000,
    interval: "YEAR",
    dimension_id: "dim_3c4d5e6f708192a3b4c5d6e7f8091021",
    entitlements: &["api", "reports", "single-sign-on"],
    plans: &[],
};

/// A bundle of two plans.
pub const SUPPORT: Offer = Offer {
    id: "bun_9e7f4a1b3c5d86072839e0f1a2b3c4d5",
    name: "Support",
    external_id: "support",
    price: 0,
    interval: "",
    dimension_id: "",
    entitlements: &[],
    plans: &[GROWTH, ENTERPRISE],
};

/// A bundle of one plan.
pub const ONBOARDING: Offer = Offer {
    id: "bun_8d6e3f0a2b4c75961728d9e0f1a2b3c4",
    name: "Onboarding",
    external_id: "onboarding",
    price: 0,
    interval: "",
    dimension_id: "",
    entitlements: &[],
    plans: &[STARTER],
};

/// What `GET /plans` lists.
pub static PLANS: [Offer; 3] = [STARTER, GROWTH, ENTERPRISE];

/// What `GET /bundles` lists.
pub static BUNDLES: [Offer; 2] = [SUPPORT, ONBOARDING];

/// The plan with this id.
pub(in crate::sandbox) fn plan(id: &str) -> Option<&'static Offer> {
    PLANS.iter().find(|offer| offer.id == id)
}

/// The plan with this id or `externalId`.
pub(in crate::sandbox) fn plan_by_any_id(id: &str) -> Option<&'static Offer> {
    plan(id).or_else(|| PLANS.iter().find(|offer| offer.external_id == id))
}

/// The bundle with this id.
pub(in crate::sandbox) fn bundle(id: &str) -> Option<&'static Offer> {
    BUNDLES.iter().find(|offer| offer.id == id)
}

#[cfg(test)]
mod tests {
    use super::{BUNDLES, PLANS, bundle, plan};

    #[test]
    fn ids_have_the_form_that_the_reference_gives() {
        let hex = |id: &str, prefix: &str| {
            let digits = id.strip_prefix(prefix).unwrap();
            digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())
        };
        assert!(PLANS.iter().all(|offer| hex(offer.id, "pln_")));
        assert!(BUNDLES.iter().all(|offer| hex(offer.id, "bun_")));
    }

    #[test]
    fn every_offer_is_found_by_its_id_and_only_among_its_kind() {
        assert!(PLANS.iter().all(|offer| plan(offer.id) == Some(offer)));
        assert!(BUNDLES.iter().all(|offer| bundle(offer.id) == Some(offer)));
        assert_eq!(plan(BUNDLES[0].id), None);
    }
}
