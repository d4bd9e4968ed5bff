/** The module's address, if your bundler imports files as addresses (esbuild: `--loader:.wasm=file`): for connect()'s option `wasm`. */
declare const address: string;
export default address;
