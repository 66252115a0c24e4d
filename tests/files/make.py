"""Makes the binary samples of this folder: `python make.py`, with reportlab 5.1, fpdf2 2.8.9, python-docx 1.2, pypdf 7.1
and DejaVu Sans at the place named below. The samples are committed; this is how they came to be."""

import datetime

from docx import Document
from docx.oxml import OxmlElement
from fpdf import FPDF
from PIL import Image, ImageDraw
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import BaseDocTemplate, Frame, PageBreak, PageTemplate, Paragraph, SimpleDocTemplate, Table

DEJAVU = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
CURIE = (
    "Marie Curie was born in Warsaw on 7 November 1867. She studied physics in Paris, where she met Pierre Curie, whom "
    "she married in 1895. Together they discovered polonium and radium."
)
NOBEL = (
    "In 1903 she won the Nobel Prize in Physics. She was the first woman to become a professor at the University of "
    "Paris, and she founded the Curie Institute in Paris in 1920."
)


def article():
    """Three pages with standard fonts, running heads, page numbers, and a sentence that goes on over a page's end."""
    styles = getSampleStyleSheet()

    def edges(canvas, doc):
        canvas.setFont("Helvetica", 8)
        canvas.drawString(72, A4[1] - 40, "Lives of scientists")
        canvas.drawCentredString(A4[0] / 2, 30, str(doc.page))

    doc = SimpleDocTemplate("article.pdf", pagesize=A4, title="Marie Curie, a life", invariant=1)
    story = [
        Paragraph("Marie Curie", styles["Title"]),
        Paragraph(CURIE, styles["BodyText"]),
        Paragraph("Later it was told of her that she", styles["BodyText"]),
        PageBreak(),
        Paragraph("worked in a shed without heating. " + NOBEL, styles["BodyText"]),
        PageBreak(),
        Table([["Element", "Year"], ["Polonium", "1898"], ["Radium", "1898"]]),
        Paragraph("Irène Joliot-Curie was her daughter.", styles["BodyText"]),
    ]
    doc.build(story, onFirstPage=edges, onLaterPages=edges)


def columns():
    """Two columns with words cut at the ends of lines."""
    styles = getSampleStyleSheet()
    style = styles["BodyText"]
    style.hyphenationLang = ""
    doc = BaseDocTemplate("columns.pdf", pagesize=A4, invariant=1)
    frames = [Frame(50, 400, 230, 150), Frame(310, 400, 230, 150)]
    doc.addPageTemplates(PageTemplate(frames=frames))
    words = (
        "Nokia was founded by Fredrik Idestam in Tampere. The com-<br/>pany moved to the river Nokianvirta. Leo Meche-<br/>"
        "lin joined it in 1871. Its head-<br/>quarters are in Espoo. "
    )
    doc.build([Paragraph(words + CURIE + " " + NOBEL, style)] * 2)


def embedded_font():
    """A subset of a TrueType font with two-byte codes, and letters beyond Latin 1."""
    pdf = FPDF()
    pdf.set_creation_date(datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
    pdf.add_font("dejavu", fname=DEJAVU)
    pdf.set_font("dejavu", size=12)
    pdf.add_page()
    pdf.multi_cell(0, 7, "Łukasz Żółć works for Škoda in Plzeň. Σωκράτης lived in Athens. 🚀 €5 million were paid.")
    pdf.add_page()
    pdf.multi_cell(0, 7, "Der zweite Teil nennt Jürgen Müller aus Köln.")
    pdf.output("embedded-font.pdf")


def locked():
    for name, password in [("locked.pdf", "secret"), ("restricted.pdf", "")]:
        writer = PdfWriter(clone_from=PdfReader("embedded-font.pdf"))
        writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
        writer.write(name)


def scan():
    image = Image.new("1", (600, 200), 1)
    ImageDraw.Draw(image).text((20, 80), "A scanned page", fill=0)
    image.save("/tmp/scan.png")
    pdf = FPDF()
    pdf.set_creation_date(datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))
    pdf.add_page()
    pdf.image("/tmp/scan.png", w=150)
    pdf.output("scan.pdf")


def report():
    """A Word document with headings, a list, a table, a tracked deletion and insertion, a footnote, and a title."""
    doc = Document()
    doc.core_properties.title = "Report on Nokia & friends"
    doc.core_properties.created = doc.core_properties.modified = datetime.datetime(2026, 1, 1)
    doc.add_heading("Nokia", 1)
    doc.add_paragraph("Fredrik Idestam founded Nokia in Tampere in 1865.\tIt is based in Espoo.")
    for item in ["Nokia acquired Navteq.", "Nokia sold its phones to Microsoft."]:
        doc.add_paragraph(item, style="List Bullet")
    table = doc.add_table(rows=2, cols=2)
    for cell, words in zip(
        [cell for row in table.rows for cell in row.cells], ["Person", "Role", "Pekka Lundmark", "chief executive"]
    ):
        cell.text = words
    paragraph = doc.add_paragraph("The office is in ")
    deleted, inserted = OxmlElement("w:del"), OxmlElement("w:ins")
    for parent, tag, words in [(deleted, "w:delText", "Salo"), (inserted, "w:t", "Oulu")]:
        run, text = OxmlElement("w:r"), OxmlElement(tag)
        text.text = words
        run.append(text)
        parent.append(run)
        paragraph._p.append(parent)
    paragraph.add_run(" today.")
    doc.save("report.docx")


if __name__ == "__main__":
    article()
    columns()
    embedded_font()
    locked()
    scan()
    report()
