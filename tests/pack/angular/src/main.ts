import { Component, NgZone, provideZoneChangeDetection, type OnInit } from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";
import { connect, type RecorderEvent } from "premium-recorder";
import { given, record } from "../app.js";

@Component({
  selector: "premium-app",
  template: `<pre id="outcome">{{ outcome }}</pre>`,
})
class PremiumApp implements OnInit {
  /** Angular shows a plain field only if it changes inside the Angular zone. */
  outcome = "";
  readonly #zones = new Set<boolean>();

  async ngOnInit(): Promise<void> {
    const onEvent = (_: RecorderEvent) => void this.#zones.add(NgZone.isInAngularZone());
    const outcome = await record(connect, given(), { onEvent });
    this.outcome = JSON.stringify({ ...outcome, zones: [...this.#zones] });
  }
}

void bootstrapApplication(PremiumApp, { providers: [provideZoneChangeDetection()] });
