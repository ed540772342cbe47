// The table of routes.

import HTTPTypes

extension Route {
    /// All that is answered. Each is in `openapi.json`, and nothing else is.
    static let all: [Route] = [
        Route(.get, "/", isOpen: true) { _ in .page("text/html; charset=utf-8", PackageResources.index_html) },
        Route(.get, "/page.js", isOpen: true) { _ in
            .page("text/javascript; charset=utf-8", PackageResources.page_js)
        },
        Route(.get, "/terminal.js", isOpen: true) { _ in
            .page("text/javascript; charset=utf-8", PackageResources.terminal_js)
        },
        Route(.get, "/console.js", isOpen: true) { _ in
            .page("text/javascript; charset=utf-8", PackageResources.console_js)
        },
        Route(.get, "/style.css", isOpen: true) { _ in .page("text/css; charset=utf-8", PackageResources.style_css) },
        Route(.get, "/v1/openapi.json") { _ in .json(bytes: PackageResources.openapi_json) },
        Route(.get, "/metrics", metrics),

        Route(.get, "/v1/vms", listVMs),
        Route(.post, "/v1/vms", createVM),
        Route(.get, "/v1/vms/{name}", showVM),
        Route(.patch, "/v1/vms/{name}", setValues),
        Route(.delete, "/v1/vms/{name}", removeVM),
        Route(.get, "/v1/vms/{name}/inspection", inspectVM),
        Route(.get, "/v1/vms/{name}/wait", waitForEnd),
        Route(.get, "/v1/vms/{name}/stats", showStatistics),

        Route(.post, "/v1/vms/{name}/start", startVM),
        Route(.post, "/v1/vms/{name}/hibernate", hibernateVM),
        Route(.post, "/v1/vms/{name}/stop", stopVM),
        Route(.post, "/v1/vms/{name}/pause") { try await $0.plain(.pause) },
        Route(.post, "/v1/vms/{name}/unpause") { try await $0.plain(.unpause) },
        Route(.post, "/v1/vms/{name}/kill", killVM),
        Route(.post, "/v1/vms/{name}/rename", renameVM),
        Route(.post, "/v1/vms/{name}/copy", copyVM),
        Route(.post, "/v1/vms/{name}/bump") { try await $0.plain(.bump) },
        Route(.post, "/v1/vms/{name}/discard") { try await $0.plain(.discard) },
        Route(.post, "/v1/vms/{name}/restore-image") { try await $0.plain(.restoreImage) },
        Route(.post, "/v1/vms/{name}/repair") { try await $0.plain(.repair) },

        Route(.get, "/v1/events", streamEvents),
        Route(.get, "/v1/vms/{name}/events", streamEventsOfVM),
        Route(.get, "/v1/vms/{name}/logs", streamLogs),
        Route(.get, "/v1/vms/{name}/console", streamConsole),
        Route(.post, "/v1/vms/{name}/console/{stream}", writeConsole),
    ]
}
