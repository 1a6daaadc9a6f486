//! What is compared of a customer's plans and bundles, and what is changed of them.

/// What is done about plans and bundles (`--plans`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlanPolicy {
    /// They are left alone.
    Ignore,
    /// Those of the row that are missing are added; others are left alone.
    Add,
    /// They are made those of the row.
    #[default]
    Exact,
}

/// What is compared, and what is changed. An import compares them, but changes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanRules {
    /// What counts as a difference.
    pub compared: PlanPolicy,
    /// What is changed.
    pub changed: PlanPolicy,
}

impl PlanRules {
    /// Nothing is changed that is not an update of fields.
    pub const IMPORT: Self = Self {
        compared: PlanPolicy::Exact,
        changed: PlanPolicy::Ignore,
    };

    /// What differs by `policy` is changed.
    pub const fn sync(policy: PlanPolicy) -> Self {
        Self {
            compared: policy,
            changed: policy,
        }
    }
}
