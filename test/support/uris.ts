/** Arbitraries of the smaller parts of messages: URIs, hosts, tokens (RFC 3261 §25.1), each URI with the truth about itself. */
import fc from "fast-check";

export interface UriTruth {
  readonly text: string;
  readonly scheme: "sip" | "sips" | "tel";
  readonly user: string;
  readonly password: string;
  /** In lower case, IPv6 in brackets; "" for tel. */
  readonly host: string;
  /** 0: none. */
  readonly port: number;
  readonly params: string;
}

export const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
export const ALPHANUM = `${LETTERS}0123456789`;

/** Strings over one alphabet. */
export function stringOf(alphabet: string, min: number, max: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...alphabet), minLength: min, maxLength: max });
}

export const anyToken = stringOf(`${ALPHANUM}-.!%*_+\`'~`, 1, 12);
export const anyWord = stringOf(`${ALPHANUM}-.!%*_+\`'~()<>:\\"/[]?{}`, 1, 16);
const anyEscape = fc.constantFrom("%00", "%20", "%40", "%3a", "%3B", "%fF");
const anyUser = fc
  .array(fc.oneof({ weight: 6, arbitrary: stringOf(`${ALPHANUM}-_.!~*'()&=+$,;?/`, 1, 5) }, anyEscape), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => parts.join(""));
const anyPassword = fc.oneof(
  { weight: 5, arbitrary: fc.constant("") },
  stringOf(`${ALPHANUM}-_.!~*'()&=+$,`, 1, 6),
);
const anyLabel = fc
  .tuple(stringOf(ALPHANUM, 1, 5), stringOf(`${ALPHANUM}-`, 0, 4), stringOf(LETTERS, 1, 3))
  .map((parts) => parts.join(""));
export const anyIpv4 = fc
  .tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((parts) => parts.join("."));
export const anyIpv6 = fc.constantFrom(
  "::1",
  "::",
  "2001:DB8::9:1",
  "fe80:0:0:0:1:2:3:4",
  "::ffff:192.0.2.1",
  "2001:db8::",
);

/** A host as it may stand in a URI or sent-by; its last label starts with a letter (RFC 3261 §25.1 toplabel). */
export const anyHost: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(fc.array(anyLabel, { maxLength: 2 }), stringOf(LETTERS, 1, 1), anyLabel)
    .map(([labels, letter, label]) => [...labels, `${letter}${label}`].join(".")),
  anyIpv4,
  anyIpv6.map((address) => `[${address}]`),
);
export const anyPort = fc.oneof(
  fc.constant(0),
  fc.constantFrom(5060, 5061),
  fc.integer({ min: 1, max: 65_535 }),
);

const anyUriParams = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ";lr",
        ";transport=tcp",
        ";Transport=UDP",
        ";user=phone",
        ";ttl=15",
        ";maddr=192.0.2.7",
      ),
      fc
        .tuple(stringOf(LETTERS, 2, 8), stringOf(`${ALPHANUM}-_.!~*'()[]/:&+$`, 0, 6))
        .map(([name, value]) => (value === "" ? `;x${name}` : `;x${name}=${value}`)),
    ),
    { maxLength: 3 },
  )
  .map((params) => [...new Map(params.map((param) => [nameOf(param), param])).values()].join(""));

function nameOf(param: string): string {
  return (param.split("=")[0] ?? "").toLowerCase();
}

/** A SIP or SIPS URI without headers. */
export const anySipUri: fc.Arbitrary<UriTruth> = fc
  .record({
    scheme: fc.constantFrom("sip", "sip", "sip", "sips", "SIP", "Sips"),
    user: fc.option(anyUser, { nil: "" }),
    password: anyPassword,
    host: anyHost,
    port: anyPort,
    params: anyUriParams,
  })
  .map(({ scheme, user, password, host, port, params }) => {
    const secret = user === "" || password === "" ? "" : `:${password}`;
    const credentials = user === "" ? "" : `${user}${secret}@`;
    return {
      text: `${scheme}:${credentials}${host}${port === 0 ? "" : `:${port}`}${params}`,
      scheme: scheme.toLowerCase() === "sips" ? ("sips" as const) : ("sip" as const),
      user,
      password: user === "" ? "" : password,
      host: host.toLowerCase(),
      port,
      params,
    };
  });

/** A tel URI (RFC 3966). */
export const anyTelUri: fc.Arbitrary<UriTruth> = fc
  .tuple(
    fc.constantFrom("+", ""),
    stringOf("0123456789-.()", 2, 14),
    fc.constantFrom("", ";ext=12", ";isub=1"),
  )
  .filter(([, digits]) => /\d/.test(digits))
  .map(([plus, digits, extra]) => {
    const params = plus === "" ? `${extra};phone-context=example.com` : extra;
    const user = `${plus}${digits}`;
    return { text: `tel:${user}${params}`, scheme: "tel", user, password: "", host: "", port: 0, params };
  });
