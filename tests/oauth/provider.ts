// A real OpenID provider for the tests: everybody may sign in, and is who they say they are.
// Arguments: port, the gateway's redirect URI, how the gateway authenticates.
import Provider from "npm:oidc-provider@9.13.3";

const [port, redirectUri, authMethod] = Deno.args;

const { privateKey } = await crypto.subtle.generateKey(
  { name: "ECDSA", namedCurve: "P-256" },
  true,
  ["sign", "verify"],
);
const key = await crypto.subtle.exportKey("jwk", privateKey);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: "gateway",
    redirect_uris: [redirectUri],
    token_endpoint_auth_method: authMethod,
    id_token_signed_response_alg: "ES256",
    ...(authMethod === "none" ? {} : { client_secret: "a secret: with +%/ in it" }),
  }],
  clientAuthMethods: [authMethod],
  jwks: { keys: [{ ...key, kid: "one", use: "sig", alg: "ES256" }] },
  cookies: { keys: ["for tests only"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups"] },
  conformIdTokenClaims: false,
  findAccount: (_: unknown, id: string) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `The person ${id}`,
      email: `${id}@example.com`,
      email_verified: id !== "mallory",
      groups: id === "root" ? ["everybody", "operators"] : ["everybody"],
    }),
  }),
});

provider.listen(Number(port), "127.0.0.1", () => console.log("up"));
