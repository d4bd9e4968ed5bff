// The messages between the demonstration's host page and the app in it, beside those of the Client App SDK. An app that ships
// needs none of them.
export const PROTOCOL = "premium-recorder-demonstration";
