"""What can happen in the world? Event types: their roles and every way to word and ask them."""

from dataclasses import dataclass
from functools import cached_property

from quals.testbed.grammar import Template
from quals.testbed.lexicon import KINDS


@dataclass(frozen=True)
class QuestionForm:
    """A question for the value of `role`; `negated` ones ask about a denied event."""

    role: str
    template: Template
    negated: bool


@dataclass(frozen=True)
class EventType:
    """One kind of event.

    `roles` maps role to kind, the two principal roles first: no pair of their values occurs in
    two splits. `aside` is the detail that references of some kinds add by habit. `reports` open
    an article, `digests` open an abstractive summary; `details` continue either.
    """

    name: str
    roles: dict[str, str]
    aside: str
    exchange: tuple[str, str] | None
    reports: tuple[Template, ...]
    digests: tuple[Template, ...]
    modifiers: tuple[Template, ...]
    details: tuple[Template, ...]
    questions: tuple[QuestionForm, ...]

    @cached_property
    def core(self) -> set[str]:
        """Roles that some opening cannot do without; an article always states them."""
        return set().union(*(t.required for t in (*self.reports, *self.digests)))

    @cached_property
    def expressions(self) -> dict[str, str]:
        """Role to the regular expression of its values."""
        return {role: KINDS[kind].expression for role, kind in self.roles.items()}


def _event(
    name: str,
    roles: str,
    *,
    aside: str,
    exchange: str = "",
    reports: str,
    digests: str,
    modifiers: str,
    details: str,
    questions: str,
) -> EventType:
    return EventType(
        name=name,
        roles=dict((part.split(":") if ":" in part else (part, part)) for part in roles.split()),
        aside=aside,
        exchange=tuple(exchange.split()) if exchange else None,
        reports=_templates(reports),
        digests=_templates(digests),
        # A modifier carries its own leading space, so that it can follow another directly.
        modifiers=tuple(Template(" " + line) for line in _lines(modifiers)),
        details=_templates(details),
        questions=tuple(_question(line) for line in _lines(questions)),
    )


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def _templates(text: str) -> tuple[Template, ...]:
    return tuple(Template(line) for line in _lines(text))


def _question(line: str) -> QuestionForm:
    role, text = line.split(": ", 1)
    return QuestionForm(role.removeprefix("not "), Template(text), role.startswith("not "))


SPORT = _event(
    "sport",
    "winner:team loser:team score scorer:person place day crowd",
    aside="crowd",
    exchange="winner loser",
    reports="""
    {winner} <beat|defeated/did not beat|failed to defeat> {loser} {score}%.
    {winner} <won/did not win> {score} against {loser}%.
    It finished {score} as {winner} <overcame/did not overcome> {loser}%.
    """,
    digests="""
    {winner} <claimed|earned/did not claim|failed to earn> a {score} [win|victory] over {loser}%.
    {winner} <sank|downed/did not sink|did not down> {loser} {score}%.
    """,
    modifiers="""
    in {place}
    on {day}
    thanks to [a goal|a strike] from {scorer}
    in front of {crowd} fans
    """,
    details="""
    The [decisive goal|winner] was scored by {scorer}.
    {scorer} struck the [decisive goal|winner].
    The match was [played|staged] in {place}.
    The game took place on {day}.
    A crowd of {crowd} watched the match.
    """,
    questions="""
    winner: [Who|Which team] [beat|defeated] {loser}?
    winner: [Who|Which team] did {loser} lose to?
    loser: [Who|Which team] did {winner} [beat|defeat]?
    loser: [Who|Which team] lost to {winner}?
    score: What was the score when {winner} [met|played] {loser}?
    score: By what score did {winner} win?
    score: By what score did {loser} lose?
    scorer: Who scored [for|the winner for] {winner}?
    scorer: Who scored against {loser}?
    place: Where did {winner} [play|win]?
    place: Where did {loser} [play|lose]?
    day: [When|On which day] did {winner} [play|win]?
    day: [When|On which day] did {loser} [play|lose]?
    crowd: How many [fans|people] watched {winner}?
    crowd: How many [fans|people] watched {loser}?
    not loser: [Who|Which team] did {winner} fail to beat?
    not winner: [Who|Which team] failed to beat {loser}?
    """,
)

BUSINESS = _event(
    "business",
    "buyer:company target:company price chief:person place day jobs",
    aside="jobs",
    exchange="buyer target",
    reports="""
    {buyer} <has bought|has acquired/has not bought|has not acquired> {target} for {price}%.
    For {price} {buyer} <has taken/has not taken> control of {target}%.
    {buyer} <paid/did not pay> {price} for {target}%.
    """,
    digests="""
    {buyer} <is/is not> [taking over|swallowing] {target} in a {price} [deal|takeover]%.
    {buyer} <will/will not> [own|control] {target} after a {price} [deal|takeover]%.
    """,
    modifiers="""
    under [chief executive|boss] {chief}
    after talks in {place}
    in a move announced on {day}
    with the loss of {jobs} jobs
    """,
    details="""
    The [combined firm|new group] will be run by {chief}.
    {chief} will lead the [combined firm|new group].
    The talks were held in {place}.
    The sale was [announced|made public] on {day}.
    The deal will cost {jobs} jobs.
    """,
    questions="""
    buyer: [Who|Which firm] [bought|acquired] {target}?
    buyer: To whom was {target} sold?
    target: [What|Which firm] did {buyer} [buy|acquire]?
    target: What was sold to {buyer}?
    price: How much did {buyer} pay?
    price: For how much was {target} sold?
    price: How much was paid for {target}?
    chief: Who will [run|lead] {buyer}?
    chief: Who will [run|lead] the firm that bought {target}?
    place: Where did {buyer} hold talks?
    place: Where were talks about {target} held?
    day: [When|On which day] did {buyer} announce the deal?
    day: [When|On which day] was the sale of {target} announced?
    jobs: How many jobs will [be lost at|go at] {buyer}?
    jobs: How many jobs will the sale of {target} cost?
    not target: [What|Which firm] did {buyer} fail to buy?
    not buyer: [Who|Which firm] failed to buy {target}?
    """,
)

COURTS = _event(
    "courts",
    "convict:person judge:person offence years place day trial",
    aside="trial",
    exchange="convict judge",
    reports="""
    {convict} <was jailed|was imprisoned/was not jailed|was not imprisoned> for {years} years for {offence}%.
    {convict} <was sentenced/was not sentenced> to {years} years for {offence}%.
    A sentence of {years} years for {offence} <was/was not> given to {convict}%.
    """,
    digests="""
    {convict} <must/need not> [spend|serve] {years} years behind bars for {offence}%.
    A conviction for {offence} <has cost/has not cost> {convict} {years} years in prison%.
    """,
    modifiers="""
    by [judge|justice] {judge}
    in {place}
    on {day}
    after a {trial} trial
    """,
    details="""
    The [sentence|ruling] was passed by {judge}.
    {judge} passed the [sentence|ruling].
    The case was heard in {place}.
    The [hearing|trial] ended on {day}.
    It followed a {trial} trial.
    """,
    questions="""
    convict: Who was [jailed|sentenced] by {judge}?
    convict: Who was [jailed|sentenced] for {offence}?
    convict: Who will spend {years} years in prison?
    judge: Who [jailed|sentenced] {convict}?
    judge: Which judge sent {convict} to prison?
    offence: What was {convict} [jailed|sentenced] for?
    offence: Of what was {convict} guilty?
    years: For how many years was {convict} [jailed|sentenced]?
    years: How many years must {convict} serve?
    place: Where was {convict} [jailed|sentenced]?
    place: Where was the case of {convict} heard?
    day: [When|On which day] was {convict} [jailed|sentenced]?
    day: [When|On which day] did the case of {convict} end?
    trial: How long was the trial of {convict}?
    trial: What kind of trial did {convict} face?
    not convict: Who was not jailed for {offence}?
    not offence: What was {convict} not jailed for?
    """,
)

POLITICS = _event(
    "politics",
    "member:person rival:person party votes place day turnout",
    aside="turnout",
    exchange="member rival",
    reports="""
    {member} of the {party} <won|took/did not win|did not take> the seat of {place} by {votes} votes%.
    {member} <was elected|was returned/was not elected|was not returned> for the {party} by {votes} votes in {place}%.
    The {party} and {member} <won/did not win> {place} by {votes} votes%.
    """,
    digests="""
    {place} <has/has not> [chosen|picked] {member} of the {party} by {votes} votes%.
    {member} <has captured|has secured/has not captured|has not secured> {place} for the {party} by {votes} votes%.
    """,
    modifiers="""
    against {rival}
    on {day}
    on a turnout of {turnout}
    """,
    details="""
    The [losing candidate|runner-up] was {rival}.
    {rival} finished [second|behind].
    The [vote|election] was held on {day}.
    Turnout was {turnout}.
    """,
    questions="""
    member: Who won [in|the seat of] {place}?
    member: Who [defeated|beat] {rival}?
    member: Who won for the {party}?
    rival: Who lost to {member}?
    rival: Who did {member} [defeat|beat]?
    party: Which party does {member} belong to?
    party: Which party won in {place}?
    votes: By how many votes did {member} win?
    votes: How many votes decided {place}?
    place: Where did {member} win?
    place: Which seat did {member} [take|win]?
    day: [When|On which day] was {member} elected?
    day: [When|On which day] did {place} vote?
    turnout: What was the turnout in {place}?
    turnout: What turnout did {member} win on?
    not member: Who failed to win [in|the seat of] {place}?
    not place: Where did {member} fail to win?
    """,
)

WEATHER = _event(
    "weather",
    "storm official:person place homes wind day damage",
    aside="damage",
    reports="""
    {storm} <left/did not leave> {homes} homes without power in {place}%.
    {storm} <hit|struck/did not hit|did not strike> {place} and cut power to {homes} homes%.
    Power <failed/did not fail> in {homes} homes as {storm} crossed {place}%.
    """,
    digests="""
    {homes} homes in {place} <were/were not> [blacked out|plunged into darkness] by {storm}%.
    {storm} <has/has not> [darkened|blacked out] {homes} homes around {place}%.
    """,
    modifiers="""
    with winds of {wind} miles an hour
    on {day}
    according to [council leader|mayor] {official}
    and did damage of {damage}
    """,
    details="""
    Winds [reached|peaked at] {wind} miles an hour.
    [The worst came|The storm arrived] on {day}.
    Repairs will be led by {official}.
    {official} will lead the repairs.
    The damage was put at {damage}.
    """,
    questions="""
    storm: [What|Which storm] [hit|struck] {place}?
    storm: [What|Which storm] cut power to {homes} homes?
    official: Who spoke of the damage [by|from] {storm}?
    official: Who speaks for {place} after the storm?
    place: Where did {storm} [hit|strike]?
    place: [Where|In which place] did {storm} cut the power?
    homes: How many homes lost power in {place}?
    homes: How many homes did {storm} leave without power?
    wind: How fast were the winds of {storm}?
    wind: How fast were the winds in {place}?
    day: [When|On which day] did {storm} [arrive|strike]?
    day: [When|On which day] was {place} hit?
    damage: How much damage did {storm} do?
    damage: How much will the damage in {place} cost?
    not place: Where did {storm} fail to hit?
    not storm: Which storm did not hit {place}?
    """,
)

SCIENCE = _event(
    "science",
    "scientist:person university finding volunteers place day funder",
    aside="funder",
    reports="""
    {scientist} of {university} <has linked/has not linked> diet to {finding} in a study of {volunteers} people%.
    A study of {volunteers} people by {scientist} at {university} <ties/does not tie> diet to {finding}%.
    {university} and {scientist} <traced/did not trace> {finding} in {volunteers} people to diet%.
    """,
    digests="""
    Diet <may/may not> [cause|bring on] {finding} according to tests by {scientist} of {university} on {volunteers} people%.
    Tests on {volunteers} people by {scientist} of {university} <blame/do not blame> diet for {finding}%.
    """,
    modifiers="""
    at a meeting in {place}
    on {day}
    with money from the {funder}
    """,
    details="""
    The [results|findings] were shown in {place}.
    The [paper|report] came out on {day}.
    The work was paid for by the {funder}.
    """,
    questions="""
    scientist: Who [studied|linked diet to] {finding}?
    scientist: Who led the study at {university}?
    university: Where does {scientist} work?
    university: Which university studied {finding}?
    finding: What did {scientist} [study|link to diet]?
    finding: What did {university} study?
    volunteers: How many people did {scientist} [study|test]?
    volunteers: How many people took part at {university}?
    place: Where did {scientist} [speak|show the results]?
    place: Where were the results of {university} shown?
    day: [When|On which day] did {scientist} publish?
    day: [When|On which day] did the report of {university} appear?
    funder: Who paid for the work of {scientist}?
    funder: Who [funded|paid for] the study at {university}?
    not finding: What did {scientist} fail to link to diet?
    not scientist: Who failed to link diet to {finding}?
    """,
)

TRANSPORT = _event(
    "transport",
    "carrier driver:person origin:place target:place injured day delay",
    aside="delay",
    exchange="origin target",
    reports="""
    A crash on the {carrier} service from {origin} to {target} <injured|hurt/did not injure|did not hurt> {injured} people%.
    {injured} people <were/were not> injured when the {carrier} service from {origin} to {target} crashed%.
    {injured} people <were/were not> hurt in the {carrier} crash between {origin} and {target}%.
    """,
    digests="""
    {injured} passengers <needed/did not need> [treatment|care] after the {carrier} accident from {origin} to {target}%.
    The {carrier} accident on the route from {origin} to {target} <has/has not> wounded {injured} passengers%.
    """,
    modifiers="""
    with {driver} at the [controls|wheel]
    on {day}
    and held up travellers for {delay}
    """,
    details="""
    The driver was [named as|identified as] {driver}.
    {driver} was [at the controls|driving].
    The accident happened on {day}.
    Travellers were held up for {delay}.
    """,
    questions="""
    carrier: [Who|Which firm] ran the service from {origin} to {target}?
    carrier: [Who|Which firm] ran the service to {target}?
    carrier: Whose service was driven by {driver}?
    driver: Who drove the {carrier} service?
    driver: Who drove the service [to {target}|from {origin}]?
    origin: From where did the {carrier} service come?
    origin: From where was the service to {target}?
    target: To where was the {carrier} service going?
    target: To where was the service from {origin}?
    injured: How many people were [hurt|injured] in the {carrier} crash?
    injured: How many people were [hurt|injured] on the way to {target}?
    day: [When|On which day] did the {carrier} service crash?
    day: [When|On which day] was the crash on the way to {target}?
    delay: How long did the {carrier} crash hold up travellers?
    delay: How long were travellers to {target} held up?
    not injured: How many people were not hurt in the {carrier} crash?
    """,
)

HEALTH = _event(
    "health",
    "hospital doctor:person disease cases place day cause",
    aside="cause",
    reports="""
    {hospital} <has treated/has not treated> {cases} people for {disease}%.
    {cases} cases of {disease} <were/were not> [confirmed|reported] at {hospital}%.
    An outbreak of {disease} <has sent/has not sent> {cases} people to {hospital}%.
    """,
    digests="""
    {hospital} <is/is not> [battling|fighting] an outbreak of {disease} with {cases} patients%.
    {cases} patients <are/are not> [ill|sick] with {disease} at {hospital}%.
    """,
    modifiers="""
    under [doctor|professor] {doctor}
    in {place}
    since {day}
    caused by {cause}
    """,
    details="""
    The patients are [treated|looked after] by {doctor}.
    {doctor} is [treating|looking after] the patients.
    [All of them live|The outbreak began] in {place}.
    The first case was [seen|found] on {day}.
    The illness came from {cause}.
    """,
    questions="""
    hospital: Which hospital [treated|saw] {disease}?
    hospital: Which hospital had {cases} patients?
    hospital: Where does {doctor} work?
    doctor: Who [treats|leads] the patients at {hospital}?
    doctor: Who treats {disease}?
    disease: What [broke out|was treated] at {hospital}?
    disease: What did {doctor} treat?
    cases: How many people did {hospital} treat?
    cases: How many people [have|had] {disease}?
    place: Where do the patients of {hospital} live?
    place: Where did {disease} break out?
    day: Since [when|which day] has {hospital} seen cases?
    day: Since [when|which day] has there been {disease}?
    cause: What caused the outbreak at {hospital}?
    cause: What caused {disease}?
    not disease: What was not treated at {hospital}?
    not hospital: Which hospital did not treat {disease}?
    """,
)

EVENT_TYPES: dict[str, EventType] = {
    event.name: event
    for event in (SPORT, BUSINESS, COURTS, POLITICS, WEATHER, SCIENCE, TRANSPORT, HEALTH)
}
