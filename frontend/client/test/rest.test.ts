import { describe, expect, test } from "vitest";
import { ApiError, RestClient } from "../src/index.js";

interface Call {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: unknown;
  credentials: string | undefined;
}

function rest(answer: () => Response, options: ConstructorParameters<typeof RestClient>[0] = {}) {
  const calls: Call[] = [];
  const fetch = async (url: unknown, init: RequestInit = {}) => {
    calls.push({
      url: String(url),
      method: init.method ?? "",
      headers: init.headers as Record<string, string>,
      body: init.body === undefined ? undefined : JSON.parse(String(init.body)),
      credentials: init.credentials,
    });
    return answer();
  };
  return { calls, client: new RestClient({ fetch: fetch as typeof globalThis.fetch, ...options }) };
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });

describe("requests", () => {
  test("cookie mode sends the CSRF token with changes only", async () => {
    const { calls, client } = rest(() => json({ results: [], next_cursor: null }), {
      csrfToken: () => "csrf",
    });
    await client.workspaces.list();
    await client.workspaces.create("x");
    expect(calls.map((c) => c.headers["X-CSRFToken"])).toEqual([undefined, "csrf"]);
    expect(calls.map((c) => c.credentials)).toEqual(["same-origin", "same-origin"]);
  });

  test("token mode sends the bearer token and no cookie", async () => {
    const { calls, client } = rest(() => json({}), {
      token: async () => "T",
      baseUrl: "https://chat.example",
    });
    await client.me.get();
    expect(calls[0]).toMatchObject({ url: "https://chat.example/v1/me", credentials: "omit" });
    expect(calls[0]?.headers.Authorization).toBe("Bearer T");
  });

  test("what is filled into a path can't change it", async () => {
    const { calls, client } = rest(() => new Response(null, { status: 204 }));
    await client.messages.react("1", "👍🏽");
    await client.messages.react("1/../2", "a/b?c#d");
    expect(calls.map((c) => c.url)).toEqual([
      "/v1/messages/1/reactions/%F0%9F%91%8D%F0%9F%8F%BD",
      "/v1/messages/1%2F..%2F2/reactions/a%2Fb%3Fc%23d",
    ]);
  });

  test("queries leave out what is not given", async () => {
    const { calls, client } = rest(() => json({}));
    await client.channels.history("9", { limit: 20, before: "a b" });
    await client.channels.history("9");
    expect(calls.map((c) => c.url)).toEqual([
      "/v1/channels/9/messages?limit=20&before=a+b",
      "/v1/channels/9/messages",
    ]);
  });

  test("all pages are fetched until there is none", async () => {
    const pages = [
      { results: [1, 2], next_cursor: "x" },
      { results: [3], next_cursor: null },
    ];
    const { client } = rest(() => json({}));
    const asked: unknown[] = [];
    const all = await client.all(async (query) => {
      asked.push(query.cursor);
      return pages[asked.length - 1] ?? { results: [], next_cursor: null };
    });
    expect(all).toEqual([1, 2, 3]);
    expect(asked).toEqual([undefined, "x"]);
  });
});

describe("errors", () => {
  const failing = async (answer: () => Response): Promise<ApiError> => {
    const error = await rest(answer)
      .client.me.get()
      .catch((reason: unknown) => reason);
    if (!(error instanceof ApiError)) throw new Error("it did not fail with an ApiError");
    return error;
  };

  test("problem details are kept", async () => {
    const error = await failing(() =>
      json(
        { code: "invalid", title: "Invalid", detail: "Look again.", errors: { name: ["Too long."] } },
        400,
      ),
    );
    expect(error).toMatchObject({
      code: "invalid",
      detail: "Look again.",
      status: 400,
      fields: { name: ["Too long."] },
    });
    expect(error.temporary).toBe(false);
  });

  test("Retry-After is kept, and the error is temporary", async () => {
    const error = await failing(() =>
      json({ code: "rate_limited", detail: "" }, 429, { "Retry-After": "3" }),
    );
    expect(error).toMatchObject({ code: "rate_limited", retryAfter: 3, temporary: true });
  });

  test.each([
    [401, "unauthenticated"],
    [404, "not_found"],
    [502, "unavailable"],
  ])("a %i without a body is %s", async (status, code) => {
    expect((await failing(() => new Response("<html>", { status }))).code).toBe(code);
  });

  test("no network is offline", async () => {
    const error = await failing(() => {
      throw new TypeError("fetch failed");
    });
    expect(error).toMatchObject({ code: "offline", temporary: true });
  });
});
