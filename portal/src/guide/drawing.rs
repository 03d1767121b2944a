//! Where the number stands: on an allocator on a radiator, and on a water meter. Drawn in the colour of the text.

use maud::{Markup, html};

use crate::Language;

/// Both drawings, each with its words for those who don't see it.
pub(super) fn both(language: Language) -> Markup {
    html! {
        div class="drawings" {
            (allocator(language))
            (water_meter(language))
        }
    }
}

/// A radiator with an allocator, whose number stands below the display.
fn allocator(language: Language) -> Markup {
    html! {
        figure {
            svg viewBox="0 0 240 200" width="240" height="200" role="img" aria-labelledby="allocator-title" fill="none"
                stroke="currentColor" stroke-width="2" {
                title id="allocator-title" {
                    (language.of(
                        "Un radiateur avec un petit boîtier au milieu. Sous l'écran du boîtier, entouré : le numéro de série, 8 chiffres.",
                        "A radiator with a small box in its middle. Below the display of the box, circled: the serial number, 8 digits.",
                    ))
                }
                g opacity="0.45" {
                    rect x="8" y="16" width="224" height="168" rx="8" {}
                    @for x in [36, 64, 176, 204] {
                        line x1=(x) y1="16" x2=(x) y2="184" {}
                    }
                }
                rect x="86" y="30" width="68" height="140" rx="8" fill="none" {}
                rect x="96" y="42" width="48" height="26" rx="3" {}
                text x="120" y="61" text-anchor="middle" font-size="16" stroke="none" fill="currentColor" { "1042" }
                text x="120" y="112" text-anchor="middle" font-size="12" stroke="none" fill="currentColor" { "31415926" }
                ellipse cx="120" cy="108" rx="46" ry="17" stroke-width="3" class="mark" {}
                g stroke-width="2" {
                    @for x in [102, 106, 112, 115, 121, 124, 130, 136] {
                        line x1=(x) y1="136" x2=(x) y2="154" {}
                    }
                }
                line x1="166" y1="108" x2="218" y2="108" stroke-width="3" class="mark" {}
                path d="M176 100 L166 108 L176 116" stroke-width="3" class="mark" {}
            }
            figcaption {
                (language.of(
                    "Sur un répartiteur de chauffage : le numéro sous l'écran, souvent près d'un code-barres.",
                    "On a heat-cost allocator: the number below the display, often beside a bar code.",
                ))
            }
        }
    }
}

/// A water meter from the front, whose number stands on the ring around the dial.
fn water_meter(language: Language) -> Markup {
    html! {
        figure {
            svg viewBox="0 0 240 200" width="240" height="200" role="img" aria-labelledby="water-title" fill="none"
                stroke="currentColor" stroke-width="2" {
                title id="water-title" {
                    (language.of(
                        "Un compteur d'eau rond sur un tuyau. En bas du cadran, sous les chiffres rouges et noirs, entouré : le numéro de série, 8 chiffres.",
                        "A round water meter on a pipe. At the bottom of the dial, below the red and black digits, circled: the serial number, 8 digits.",
                    ))
                }
                g opacity="0.45" {
                    line x1="4" y1="86" x2="44" y2="86" {}
                    line x1="4" y1="114" x2="44" y2="114" {}
                    line x1="196" y1="86" x2="236" y2="86" {}
                    line x1="196" y1="114" x2="236" y2="114" {}
                }
                circle cx="120" cy="100" r="80" {}
                circle cx="120" cy="100" r="68" {}
                rect x="76" y="70" width="88" height="26" rx="3" {}
                text x="120" y="89" text-anchor="middle" font-size="16" stroke="none" fill="currentColor" { "00128 547" }
                text x="120" y="60" text-anchor="middle" font-size="12" stroke="none" fill="currentColor" { "m³" }
                text x="120" y="140" text-anchor="middle" font-size="12" stroke="none" fill="currentColor" { "27182818" }
                ellipse cx="120" cy="136" rx="46" ry="17" stroke-width="3" class="mark" {}
                line x1="170" y1="136" x2="226" y2="136" stroke-width="3" class="mark" {}
                path d="M180 128 L170 136 L180 144" stroke-width="3" class="mark" {}
            }
            figcaption {
                (language.of(
                    "Sur un compteur d'eau chaude : le numéro gravé sur le cadran ou sur son anneau. Ce n'est pas l'index en m³.",
                    "On a hot-water meter: the number on the dial or on its ring. It is not the index in m³.",
                ))
            }
        }
    }
}
