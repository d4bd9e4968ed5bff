import type { Recorder } from "./index.js";

/**
 * An HTTP client for an `ApiClient` of purecloud-platform-client-v2 (tested with 262). The SDK's requests carry the token of the recorder's
 * organization, or of `orgId`. The SDK never has a token, so do not call its login methods. With one `ApiClient` for each organization, one
 * page can work in several organizations at the same time.
 *
 * The timeout of the HTTP client (16 s, or that of `client.getHttpClient().setTimeout()`) counts instead of the recorder's `timeoutMs`; with
 * 0, the recorder's does.
 * The SDK's region setting has no effect. A refusal rejects in the SDK's own form. If nothing was sent or no response came, the call rejects
 * with the recorder's `RecorderError`. Throws a `TypeError` if the options are `null` or have another name.
 *
 * @example
 * import platform from "purecloud-platform-client-v2";
 * import { httpClient } from "premium-recorder/platform-sdk";
 *
 * const client = new platform.ApiClientClass();
 * client.setHttpClient(httpClient(recorder, platform.AbstractHttpClient, { orgId }));
 * const me = await new platform.UsersApi(client).getUsersMe();
 */
export declare function httpClient<Client>(
  recorder: Recorder,
  AbstractHttpClient: abstract new (...args: never[]) => Client,
  options?: { orgId?: string | undefined },
): Client;
