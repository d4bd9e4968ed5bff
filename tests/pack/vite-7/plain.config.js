// Without the line that Vite 7 needs.
export default {};
