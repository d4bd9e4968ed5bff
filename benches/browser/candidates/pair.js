// What a Premium App ships today: the SDK of Genesys Cloud, and the SDK of the page that embeds the app.
import ClientApp from "purecloud-client-app-sdk";
import { open as openPlatformClient } from "./platform-client.js";

export function open(config) {
  const app = new ClientApp({ gcHostOriginQueryParam: "gcHostOrigin", gcTargetEnvQueryParam: "gcTargetEnv" });
  return { app, ...openPlatformClient(config) };
}
