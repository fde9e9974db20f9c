// Elements, made in one call.

type Props = {
  class?: string;
  /** HTML of this project's own making. */
  html?: string;
  on?: Record<string, (event: Event) => void>;
  [attribute: string]: unknown;
};

/** An element with these attributes and children. An attribute that is false or undefined is left out. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  { html, on = {}, ...attributes }: Props = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  if (html !== undefined) element.innerHTML = html;
  element.append(...children);
  return element;
}

/** A button that calls a function. */
export function button(label: string, does: () => void, props: Props = {}): HTMLButtonElement {
  return h('button', { type: 'button', on: { click: does }, ...props }, label);
}

/** Sets a text only when it changes, so as not to disturb a screen reader, or your selection. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
