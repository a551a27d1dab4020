"""Who is who in the two demo clinics."""

SPRINGFIELD = """\
D f Dr. Alice Smith
D m Dr. Daniel Okafor
D f Dr. Priya Raman
N m Bob Miller
N f Maria Gonzalez
N m Tom Becker
N f Aisha Khan
N o Sam Taylor
C f Dr. Elena Petrova
C m Dr. James Whitfield
T f Sofia Rossi
T m Ken Tanaka
- f Kim Walsh
"""
"""Role, gender, name. Sam supervises the nurses; Kim manages the practice and has no part in care."""

PATIENTS = """\
m 1956-05-12 Homer Simpson
m 2016-02-23 Bart Simpson carer=Marge,f
f 2018-05-09 Lisa Simpson carer=Marge,f
f 1948-11-02 Edith Kowalski
m 1951-03-19 Harold Jenkins
f 1944-07-28 Ruth Bergman
m 1947-09-15 Walter Schmidt
f 1953-01-30 Dolores Huerta es
m 1949-12-08 Ignacio Romero es
f 1955-06-21 Margaret Doyle
m 1958-10-11 Samuel Adeyemi
f 1950-02-14 Irina Volkova
m 1946-08-03 Kenji Watanabe
f 1961-04-17 Carmen Delgado es
m 1963-07-09 Luis Herrera es
f 1966-09-25 Rosa Jimenez es
m 1970-01-05 Miguel Santos es
f 1975-11-13 Elena Vargas es
m 1979-03-27 Javier Morales es
f 1968-05-31 Patricia Novak
m 1964-12-19 Frank Castellano
f 1972-08-08 Nadia Haddad
m 1969-02-22 Anil Kapoor
f 1977-10-30 Joanna Lewis
m 1974-06-16 Piotr Zielinski
f 1981-03-03 Amelia Novotny
m 1983-09-09 Derek Washington
f 1985-12-24 Grace Lin
m 1978-04-04 Omar Farouk
f 1987-07-17 Hannah Fischer
m 1990-01-21 Tyler Brooks
f 1992-05-06 Chloe Martin
m 1994-08-29 Jamal Edwards
f 1989-02-11 Yuki Sato
m 1991-11-27 Ethan Cole
f 1995-03-15 Maya Patel
m 1997-06-02 Lucas Andersen
f 1999-10-19 Zoe Campbell
m 1986-05-23 Victor Lima
f 1984-08-14 Ingrid Larsen
m 1982-02-07 Brian Murphy
f 1980-09-18 Fatima Rahman
m 1976-07-07 Giorgio Conti
f 1973-12-01 Deborah Klein
m 1967-03-10 Raymond Tran
f 1962-10-26 Sheila Morrison
m 1959-05-29 Albert Dubois
f 1957-01-16 Gloria Thompson
m 1952-04-22 Norman Pratt
f 1943-06-13 Agnes Halloran
m 1998-12-30 Noah Fielding
f 1993-09-04 Priscilla Ortega es
m 1988-07-25 Andre Baptiste
f 1996-04-08 Leila Hosseini
m 2019-01-18 Leo Fischer carer=Hannah,f
f 2017-08-30 Mia Edwards carer=Jamal,m
m 2014-11-11 Arjun Patel carer=Maya,f
f 2020-03-26 Nora Lin carer=Grace,f
m 2013-06-05 Felix Murphy carer=Brian,m
f 2015-10-02 Sara Rahman carer=Fatima,f
"""
"""Gender, birth date, name, language if it is not English, the carer who writes for a child."""

SHELBYVILLE = """\
D m Dr. Charlie Evans
N f Wendy Park
T f Olga Brandt
C m Dr. Ravi Menon
N f Joyce Hall
"""

SHELBYVILLE_PATIENTS = """\
m 1960-02-02 Morris Tate
f 1978-06-30 Denise Calloway
m 1949-09-21 Hector Quinn
f 1986-11-05 Tamara Boyd
"""

ALLERGIES = (
    ("homer-simpson", "Penicillin", "Rash"),
    ("bart-simpson", "Shrimp", "Hives"),
    ("ruth-bergman", "Iodinated contrast", "Shortness of breath"),
    ("nadia-haddad", "Latex", "Contact eczema"),
    ("mia-edwards", "Peanut", "Swelling of the lips"),
    ("tyler-brooks", "Bee venom", "Anaphylaxis"),
    ("luis-herrera", "Ibuprofen", "Wheezing"),
)
