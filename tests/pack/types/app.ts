// Compiles if an app can use every entry of the package. Nothing here ever runs.
import { connect, isRecorderError, RecorderError, version, type ConnectOptions, type Recorder } from "premium-recorder";
import { screenMonitoring } from "premium-recorder/contracts";
import { httpClient } from "premium-recorder/platform-sdk";
import wasm from "premium-recorder/premium_recorder_bg.wasm";

declare abstract class AbstractHttpClient {
  abstract request(options: object): Promise<object>;
}

export async function start(agentId: string, orgId: string | undefined, options?: ConnectOptions): Promise<string> {
  const recorder: Recorder = await connect({ ...options, orgId, wasm, contract: screenMonitoring });
  try {
    const recording = await recorder.startRecording(agentId, { orgId });
    return recording.id;
  } catch (error) {
    return isRecorderError(error) ? `${error.code}: ${error.hint} (${version})` : String(error);
  } finally {
    recorder.close();
  }
}

export const client: AbstractHttpClient = httpClient({} as Recorder, AbstractHttpClient, { orgId: undefined });
export const made: RecorderError = new RecorderError({ code: "NO_TOKEN", hint: "…" });
