#include "collector/http/api_json.h"

namespace gnomon::http {

std::string_view openapi_json() {
  // A literal longer than 64 KiB would have to be cut; this one is far from it.
  return R"json({
  "openapi": "3.0.3",
  "info": {
    "title": "Gnomon collector",
    "version": "1",
    "description": "What was found, week by week. Read-only. Counts are devices; groups smaller than the collector's minimum are null, with words beside them.",
    "license": {"name": "Apache-2.0"}
  },
  "paths": {
    "/api/v1/tools": {
      "get": {
        "summary": "The tools of a week, ordered by id",
        "parameters": [
          {"$ref": "#/components/parameters/week"},
          {"name": "all", "in": "query", "description": "1: also tools that nobody used", "schema": {"type": "string", "enum": ["0", "1"]}},
          {"$ref": "#/components/parameters/limit"},
          {"$ref": "#/components/parameters/cursor"}
        ],
        "responses": {
          "200": {"description": "One piece of the list; `next` is the cursor of the next one", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tools"}}}},
          "400": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/api/v1/tools/{id}": {
      "get": {
        "summary": "One tool in one week, with eight weeks of history and the record of decisions",
        "parameters": [
          {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
          {"$ref": "#/components/parameters/week"}
        ],
        "responses": {
          "200": {"description": "The tool", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tool"}}}},
          "404": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/api/v1/agents": {
      "get": {
        "summary": "The agents that have reported, ordered by id",
        "parameters": [{"$ref": "#/components/parameters/limit"}, {"$ref": "#/components/parameters/cursor"}],
        "responses": {"200": {"description": "One piece of the list", "content": {"application/json": {"schema": {"type": "object"}}}}}
      }
    },
    "/api/v1/unknowns": {
      "get": {
        "summary": "Domains outside the catalogue that at least `min_devices` devices met, ordered by name",
        "parameters": [{"$ref": "#/components/parameters/limit"}, {"$ref": "#/components/parameters/cursor"}],
        "responses": {
          "200": {"description": "One piece of the list", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Unknowns"}}}},
          "400": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/api/v1/digests": {
      "get": {
        "summary": "The weeks whose digests are issued",
        "responses": {"200": {"description": "The list", "content": {"application/json": {"schema": {"type": "object"}}}}}
      }
    },
    "/api/v1/digests/{week}": {
      "get": {
        "summary": "The digest of a week; frozen once the week has been over for a day",
        "parameters": [{"name": "week", "in": "path", "required": true, "schema": {"type": "string", "example": "2026-W47"}}],
        "responses": {
          "200": {"description": "The digest", "content": {"application/json": {"schema": {"type": "object"}}}},
          "400": {"$ref": "#/components/responses/Problem"}
        }
      }
    },
    "/healthz": {"get": {"summary": "The process runs", "responses": {"200": {"description": "`ok`, or `degraded` with a reason"}}}},
    "/readyz": {"get": {"summary": "Batches can be taken", "responses": {"200": {"description": "Yes"}, "503": {"description": "No, with a reason"}}}},
    "/metrics": {"get": {"summary": "Prometheus metrics", "responses": {"200": {"description": "Text format 0.0.4"}}}}
  },
  "components": {
    "parameters": {
      "week": {"name": "week", "in": "query", "description": "ISO week; without it the newest that has data", "schema": {"type": "string", "example": "2026-W47"}},
      "limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}},
      "cursor": {"name": "cursor", "in": "query", "description": "`next` of the piece before", "schema": {"type": "string"}}
    },
    "schemas": {
      "Count": {"type": "object", "properties": {"count": {"type": "integer", "nullable": true}, "words": {"type": "string", "example": "1-2 devices"}}},
      "Tool": {
        "type": "object",
        "properties": {
          "id": {"type": "string", "example": "trello"},
          "name": {"type": "string"},
          "category": {"type": "string"},
          "vendor": {"type": "string"},
          "devices": {"$ref": "#/components/schemas/Count"},
          "devices_week_before": {"$ref": "#/components/schemas/Count"},
          "devices_ever": {"$ref": "#/components/schemas/Count"},
          "stages": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Count"}},
          "new": {"type": "boolean"},
          "first_seen": {"type": "string", "format": "date-time"},
          "last_seen": {"type": "string", "format": "date-time"},
          "first_used": {"type": "string", "format": "date-time", "nullable": true},
          "likely_signup": {"type": "object"},
          "standing": {"type": "string", "enum": ["new", "in-review", "trial", "sanctioned", "tolerated", "unsanctioned", "retiring", "retired"]}
        }
      },
      "Tools": {
        "type": "object",
        "properties": {
          "week": {"type": "string"},
          "complete": {"type": "boolean"},
          "sample": {"type": "boolean"},
          "asked": {"type": "string", "format": "date-time"},
          "fresh": {"type": "string", "format": "date-time", "nullable": true},
          "total": {"type": "integer"},
          "next": {"type": "string"},
          "tools": {"type": "array", "items": {"$ref": "#/components/schemas/Tool"}}
        }
      },
      "Unknowns": {
        "type": "object",
        "properties": {
          "week": {"type": "string"},
          "asked": {"type": "string", "format": "date-time"},
          "enabled": {"type": "boolean"},
          "min_devices": {"type": "integer"},
          "total": {"type": "integer"},
          "next": {"type": "string"},
          "unknowns": {"type": "array", "items": {"type": "object", "properties": {
            "domain": {"type": "string", "example": "newtool.example"},
            "devices": {"type": "integer"},
            "devices_new_this_week": {"$ref": "#/components/schemas/Count"},
            "first_seen": {"type": "string", "format": "date"},
            "last_seen": {"type": "string", "format": "date"},
            "revealed": {"type": "string", "format": "date-time"},
            "next_step": {"type": "string", "example": "gnomon rules new newtool.example"}
          }}}
        }
      },
      "Problem": {"type": "object", "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}, "instance": {"type": "string"}}}
    },
    "responses": {
      "Problem": {"description": "What went wrong (RFC 9457)", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    }
  }
}
)json";
}

}  // namespace gnomon::http
