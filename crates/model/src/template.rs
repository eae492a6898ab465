//! Ready-made workflows with blanks to fill in.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Actor, TemplateId, TenantId, Timestamp, named};

named! {
    /// What a template is for (seed, "Template categories").
    Category {
        /// Helping people who have a problem.
        CustomerService = "customer_service",
        /// Winning and keeping business.
        Sales = "sales",
        /// Telling people things.
        Marketing = "marketing",
        /// Running the shop.
        Operations = "operations",
    }
}

named! {
    /// What fits into a blank.
    VariableType {
        /// Any text.
        Text = "text",
        /// A number.
        Number = "number",
        /// An email address.
        Email = "email",
        /// A web address.
        Url = "url",
        /// The id of a form.
        Form = "form",
        /// The id of a user.
        User = "user",
        /// The key of a question.
        Question = "question",
        /// The name of a connection.
        Integration = "integration",
    }
}

/// A blank: `[[key]]` in the template's definition stands for its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// The name in the definition.
    pub key: String,
    /// What the person reads.
    pub label: String,
    /// What fits.
    #[serde(rename = "type")]
    pub kind: VariableType,
    /// It must be filled in.
    #[serde(default)]
    pub required: bool,
    /// Used when it is not filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// A template as stored (seed, `workflow_templates`).
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowTemplate {
    /// Unique over the installation.
    pub id: TemplateId,
    /// What it is called.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// What it is for.
    pub category: Option<Category>,
    /// One line for the gallery.
    pub use_case: Option<String>,
    /// A workflow definition with blanks.
    pub workflow_definition: Value,
    /// The name of an icon.
    pub icon: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The blanks.
    pub variables: Vec<Variable>,
    /// Trigger data to try it with.
    pub sample_data: Option<Value>,
    /// The system's own, for all tenants.
    pub is_public: bool,
    /// The tenant it belongs to, when it is not the system's.
    pub tenant_id: Option<TenantId>,
    /// How many workflows were made from it.
    pub usage_count: i64,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
}
