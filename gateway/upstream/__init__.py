"""The upstream MCP servers: the only place that knows the MCP client.

framing                   bytes → messages, under size caps
wire                      what a transport gives: `stdio` (over `process`), `http` and `sse` (over `http_client`)
bridge, session           a wire as a transport of the SDK's client; what was agreed on it, listing and the hot path
connection, watch         the owner task of one server: connect, back-off, fresh lists
calls                     slots, timeout, and one more try where nothing was sent
catalog, results          what servers list and answer, as the gateway's own types
pool                      all servers: `Upstreams`
"""
