//! The failures that routes have in common, for the description of the API. Every route with credentials can answer 401; no handler
//! should have to say so. What a handler says of a status stays.

use utoipa::openapi::{
    Components, ContentBuilder, HttpMethod, OpenApi, Ref, RefOr, ResponseBuilder, path::Operation,
    path::ParameterIn,
};

struct Common {
    status: &'static str,
    name: &'static str,
    description: &'static str,
    /// What a route must be like to answer it.
    of: fn(&Route<'_>) -> bool,
}

struct Route<'a> {
    method: HttpMethod,
    operation: &'a Operation,
}

impl Route<'_> {
    /// Without credentials there is nothing.
    fn is_closed(&self) -> bool {
        self.operation.security.is_none()
    }

    fn changes(&self) -> bool {
        self.method != HttpMethod::Get
    }

    fn has_body(&self) -> bool {
        self.operation.request_body.is_some()
    }

    fn has(&self, place: &ParameterIn) -> bool {
        self.operation.parameters.iter().flatten().any(|parameter| parameter.parameter_in == *place)
    }
}

const COMMON: [Common; 10] = [
    Common {
        status: "400",
        name: "BadRequest",
        description: "The request cannot be read: malformed JSON, or a parameter that does not exist or does not fit",
        of: |route| route.has_body() || route.has(&ParameterIn::Query),
    },
    Common {
        status: "401",
        name: "Unauthenticated",
        description: "No credentials, or none that are good",
        of: |route| route.is_closed(),
    },
    Common {
        status: "403",
        name: "Forbidden",
        description: "The role does not suffice, or a page of another site asks with a session cookie",
        of: |route| route.is_closed() && route.changes(),
    },
    Common {
        status: "404",
        name: "NotFound",
        description: "There is no such record",
        of: |route| route.has(&ParameterIn::Path),
    },
    Common {
        status: "408",
        name: "BodyTimeout",
        description: "The body took too long to arrive",
        of: |route| route.has_body(),
    },
    Common {
        status: "413",
        name: "TooLong",
        description: "The body is longer than 1 MiB",
        of: |route| route.has_body(),
    },
    Common {
        status: "415",
        name: "NoJson",
        description: "The body is no JSON",
        of: |route| route.has_body(),
    },
    Common {
        status: "422",
        name: "Unprocessable",
        description: "Well-formed, and not acceptable; `details` names every place",
        of: |route| route.has_body(),
    },
    Common {
        status: "429",
        name: "TooManyRequests",
        description: "More often than this API key may; `Retry-After` says when",
        of: |route| route.is_closed(),
    },
    Common {
        status: "503",
        name: "Unavailable",
        description: "Not now; `Retry-After` says when",
        of: |_| true,
    },
];

/// Adds them to each operation that can answer them.
pub(crate) fn describe(document: &mut OpenApi) {
    let failure = || ContentBuilder::new().schema(Some(Ref::from_schema_name("Failure"))).build();
    let components: &mut Components = document.components.get_or_insert_default();
    for Common { name, description, .. } in COMMON {
        let response = ResponseBuilder::new().description(description).content("application/json", failure());
        components.responses.insert(name.to_owned(), response.build().into());
    }
    for item in document.paths.paths.values_mut() {
        for (method, operation) in [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ] {
            let Some(operation) = operation else { continue };
            for Common { status, name, of, .. } in COMMON {
                if of(&Route { method: method.clone(), operation }) {
                    let reference = RefOr::Ref(Ref::new(format!("#/components/responses/{name}")));
                    operation.responses.responses.entry(status.to_owned()).or_insert(reference);
                }
            }
        }
    }
}
