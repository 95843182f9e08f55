// The morph extension keeps focus and scroll while live parts refresh themselves.
import htmx from "htmx.org";
import { Idiomorph } from "idiomorph/dist/idiomorph.esm.js";

htmx.defineExtension("morph", {
  isInlineSwap: (style) => style.startsWith("morph"),
  handleSwap: (style, target, fragment) => {
    if (!style.startsWith("morph")) return undefined;
    const options = { morphStyle: style.endsWith("innerHTML") ? "innerHTML" : "outerHTML", ignoreActiveValue: true };
    return Idiomorph.morph(target, fragment.children, options);
  },
});
