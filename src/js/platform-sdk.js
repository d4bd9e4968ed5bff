// Lets purecloud-platform-client-v2 send its requests with a recorder's tokens. Documented in platform-sdk.d.ts.

export function httpClient(recorder, AbstractHttpClient, options = {}) {
  const { orgId, ...others } = own(options);
  const isObject = typeof options === "object" && options !== null;
  if (!isObject || orgId === null || Object.keys(others).length) {
    throw new TypeError("httpClient()'s options must be an object, and may have: orgId.");
  }
  return new (class extends AbstractHttpClient {
    /** request() calls the hooks. */
    enableHooks() {}

    async request(options) {
      const request = (await this.preHook?.(options)) ?? options;
      const { url, method, headers, params, data } = own(request);
      const body = bodyOf(data, headers);
      const init = {
        method,
        headers: headersFor(body, headers),
        body,
        orgId,
        // As in the SDK's own client: the request's `timeout` does not count.
        timeoutMs: this.timeout || undefined,
      };
      const response = await answerOf(await recorder.fetch(pathOf(url, params), init));
      if (response.status < 200 || response.status > 299) {
        throw Object.assign(new Error(`Request failed with status code ${response.status}`), { response });
      }
      return (await this.postHook?.(response)) ?? response;
    }
  })();
}

/** Only own properties count: other code of the page may have put anything on Object.prototype. */
function own(object) {
  return { __proto__: null, ...object };
}

/** The API's path, whatever region or gateway the SDK is set to: the recorder knows its own. */
function pathOf(url, params) {
  const { pathname, search } = new URL(url);
  const at = pathname.indexOf("/api/");
  if (at < 0) throw new Error(`${pathname} is not a path of the API. The recorder signs in, not the SDK.`);
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(params ?? {})) {
    if (value !== undefined && value !== null) query.append(name, value);
  }
  const text = String(query);
  return pathname.slice(at) + (text && `?${text}`);
}

/** What fetch takes as it is. Everything else is JSON, such as an object of a class or of another frame. */
const BODY = /^\[object (Blob|File|FormData|URLSearchParams|ReadableStream|ArrayBuffer)]$/;

function bodyOf(data, headers) {
  const isBody = ArrayBuffer.isView(data) || BODY.test(Object.prototype.toString.call(data));
  if (typeof data !== "object" || data === null || isBody) return data ?? undefined;
  const isForm = own(headers)["Content-Type"] === "application/x-www-form-urlencoded";
  return isForm ? new URLSearchParams(data) : JSON.stringify(data);
}

/** Without a body there is no content type, and the browser adds the boundary to that of a form. */
function headersFor(body, headers) {
  const { "Content-Type": type, ...others } = own(headers);
  return type && body !== undefined && !(body instanceof FormData) ? { ...others, "Content-Type": type } : others;
}

/** In the form that the SDK expects of its HTTP client. */
async function answerOf(response) {
  const text = await response.text();
  const { status, statusText, headers } = response;
  return { status, statusText, headers: Object.fromEntries(headers), data: parsed(text), text };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
