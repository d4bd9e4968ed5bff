// Builds everything, and serves the host shell with the Premium App on a stand-in cloud until Ctrl-C.
import { build } from "./build.mjs";
import { buildCloud } from "./cloud.mjs";
import { mustBeFree, portsFrom } from "./ports.mjs";
import { asCommand, askedToEnd } from "./process.mjs";

asCommand(import.meta, async () => {
  const ports = portsFrom(process.env.PORT);
  await mustBeFree(Object.values(ports));
  await build();
  await buildCloud();
  const { serve } = await import("./serve.mjs");
  // Listen for signals before a server starts, so that no signal can leave a server behind.
  const stopped = askedToEnd();
  const servers = await serve({ port: ports.apps, quiet: false });
  console.log(`ready  ${servers.url}`);
  try {
    await Promise.race([stopped, servers.ended]);
  } finally {
    await servers.close();
  }
  process.exit(0);
});
