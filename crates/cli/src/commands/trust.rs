//! `trust`: what is known of how often models are right. Shows it, learns it, moves it, forgets it.

mod learn;

use std::path::Path;

use async_orchestrator::{
    HistoryHead, Settings,
    trust::{KeptTrust, Member, Trust, TrustFile, TrustFileError, TrustOrigin, calibration_id},
};
use serde_json::{Value, json};

use super::{
    columns::columns,
    words::{count, near},
};
use crate::{
    args::{Global, TrustAction},
    exit::{Exit, Failure},
    kept, output,
    sanitize::one_line,
    settings::load,
};

pub(crate) async fn run(global: &Global, action: TrustAction) -> Result<(), Failure> {
    let settings = load(global)?.settings;
    let file = settings.trust_file();
    match action {
        TrustAction::Show { json } => show(&settings, &file, json),
        TrustAction::Learn(learn) => learn::run(&file, &learn),
        TrustAction::Import { file: from, replace } => import(&file, &from, replace),
        TrustAction::Export { file: to } => export(&settings, &file, &to).await,
        TrustAction::Forget { member: Some(member) } => forget(&file, &member),
        TrustAction::Forget { member: None } => forget_all(&file),
    }
}

fn show(settings: &Settings, file: &TrustFile, json: bool) -> Result<(), Failure> {
    let kept = file.read()?;
    if json {
        return output::json(&document(settings, file, kept.as_ref()));
    }
    let path = file.path().display();
    let Some(kept) = kept else {
        output::line(&format!("No model is known yet: there is no table at {path}."))?;
        return output::line(
            "`orchestrator trust learn` and `orchestrator feedback` begin one; until then every seat has one vote.",
        );
    };
    output::line(&format!("Trust in models, in {path}:"))?;
    if !settings.trust.enabled {
        output::line("not in use: trust.use is false, every seat has one vote")?;
    }
    output::line(&fitted(&kept.table))?;
    if !kept.counted_runs.is_empty() {
        let runs = count(kept.counted_runs.len(), "run");
        output::line(&format!("{runs} counted by `orchestrator feedback`"))?;
    }
    kept.origins.iter().try_for_each(|origin| output::line(&came_from(origin)))?;
    let rows: Vec<[String; 4]> = kept.table.members.keys().map(|name| row(&kept.table, name)).collect();
    columns(&rows).iter().try_for_each(|line| output::line(line))
}

/// Where a table was learned, as a sentence.
fn came_from(origin: &TrustOrigin) -> String {
    let place = match &origin.history {
        Some(head) => format!(
            "installation {}, whose history had {} (head {})",
            one_line(&head.installation),
            count(usize::try_from(head.links).unwrap_or(usize::MAX), "link"),
            one_line(&head.hash)
        ),
        None => String::from("a place of which nothing is known"),
    };
    let when = origin.imported_ms.map(|ms| format!(", imported {}", kept::moment(ms))).unwrap_or_default();
    format!("learned at {place}{when}")
}

/// What the weights rest on.
fn fitted(table: &Trust) -> String {
    match (&table.fit, calibration_id(table)) {
        (Some(fit), Some(id)) => {
            format!("weights fitted to {} labelled questions, probabilities calibrated ({id})", fit.labelled)
        }
        (Some(fit), None) => {
            format!("weights fitted to {} labelled questions, too few to state a probability", fit.labelled)
        }
        (None, _) => {
            String::from("counts alone: `orchestrator trust learn` fits weights to labelled answers")
        }
    }
}

fn row(table: &Trust, name: &str) -> [String; 4] {
    let member = table.members.get(name).cloned().unwrap_or_default();
    let answered = if member.all.answered > 0.0 {
        let share = 100.0 * member.all.right / member.all.answered;
        format!("{} answered, {share:.1} % right", number(member.all.answered))
    } else {
        String::from("never proposed")
    };
    let weight = table.weight(name, "").filter(|_| member.all.answered > 0.0);
    let weight = weight.map(|nats| format!("weighs {nats:.2}")).unwrap_or_default();
    [one_line(name), answered, weight, as_critic(&member)]
}

fn as_critic(member: &Member) -> String {
    let Some(reviews) = member.reviews else { return String::new() };
    format!(
        "as critic approved {} of {} right, {} of {} wrong",
        number(reviews.hits),
        number(reviews.of_right),
        number(reviews.false_alarms),
        number(reviews.of_wrong)
    )
}

/// Counts are whole until they decay.
fn number(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count:.0}") } else { format!("{count:.1}") }
}

fn document(settings: &Settings, file: &TrustFile, kept: Option<&KeptTrust>) -> Value {
    let member = |table: &Trust, name: &str, member: &Member| {
        json!({
            "member": name,
            "answered": member.all.answered,
            "right": member.all.right,
            "expected": table.skill(name, ""),
            "weight": table.weight(name, ""),
            "reviews": member.reviews,
            "classes": member.classes,
        })
    };
    let table = kept.map(|kept| &kept.table);
    let members = table
        .map(|table| table.members.iter().map(|(name, of)| member(table, name, of)).collect::<Vec<Value>>());
    json!({
        "path": file.path(),
        "use": settings.trust.enabled,
        "present": kept.is_some(),
        "labelled": table.and_then(|table| table.fit.as_ref()).map(|fit| fit.labelled),
        "calibrated": table.is_some_and(Trust::is_calibrated),
        "calibration_id": table.and_then(calibration_id),
        "origins": kept.map_or(&[][..], |kept| &kept.origins),
        "correlation": table.map(Trust::correlation),
        "counted_runs": kept.map_or(0, |kept| kept.counted_runs.len()),
        "members": members.unwrap_or_default(),
    })
}

/// Puts `new` in the table's place. What feedback told stands nowhere else, so that it is only given up when that was said; a damaged table too.
fn put(file: &TrustFile, new: KeptTrust, replace: bool) -> Result<(), Failure> {
    if replace {
        return Ok(file.replace(&new)?);
    }
    file.change(|kept| {
        if !kept.counted_runs.is_empty() {
            let told = count(kept.counted_runs.len(), "run");
            let why = format!(
                "{} holds what feedback told of {told}, and it would be lost: keep it with `orchestrator trust export`, then add --replace",
                file.path().display()
            );
            return Err(Failure::new(Exit::Usage, why));
        }
        *kept = new;
        Ok(())
    })
}

fn import(file: &TrustFile, from: &Path, replace: bool) -> Result<(), Failure> {
    // A file that was named and is no table is a mistake of usage, and nothing to be moved away.
    let read = TrustFile::at(from).read().map_err(|error| {
        let why = match &error {
            TrustFileError::Damaged { why, .. } => why.clone(),
            TrustFileError::Invalid { source, .. } => source.to_string(),
            _ => return Failure::from(error),
        };
        let place = from.display();
        let advice = "give a file that `orchestrator trust export` wrote";
        Failure::new(Exit::Usage, format!("{place}: is no table of trust that can be used ({why}): {advice}"))
    })?;
    let missing = || Failure::new(Exit::Usage, format!("{}: there is no such file", from.display()));
    let kept = read.ok_or_else(missing)?.imported(kept::now_ms()).map_err(|error| {
        let advice =
            "ask for it again, or take `origins` out of the file to import it as one of unknown origin";
        Failure::new(Exit::Usage, format!("{}: {error}: {advice}", from.display()))
    })?;
    let members = count(kept.table.members.len(), "model");
    put(file, kept, replace)?;
    output::line(&format!("imported {members} into {}", file.path().display()))
}

async fn export(settings: &Settings, file: &TrustFile, to: &Path) -> Result<(), Failure> {
    let kept = file.read()?.ok_or_else(|| none(file))?;
    let exported = kept
        .exported(head(settings).await)
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", file.path().display())))?;
    if to == Path::new("-") {
        return output::json(&exported);
    }
    TrustFile::at(to).export(&exported)?;
    output::line(&format!("exported {} to {}", count(kept.table.members.len(), "model"), to.display()))
}

/// Where this installation's history stands, if it has begun one.
async fn head(settings: &Settings) -> Option<HistoryHead> {
    settings.history_file().filter(|path| path.exists())?;
    let head = match kept::open(settings) {
        Ok(history) => history?.head().await.map_err(|error| kept::told(&error)),
        Err(why) => Err(why),
    };
    head.map_err(|why| output::note(&format!("note: exported without where it was learned: {why}"))).ok()
}

fn forget(file: &TrustFile, member: &str) -> Result<(), Failure> {
    if file.read()?.is_none() {
        return Err(none(file));
    }
    file.change(|kept| {
        if kept.table.forget(member) {
            return Ok(());
        }
        let known = kept.table.members.keys().map(String::as_str);
        let advice = match near(member, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => String::from("`orchestrator trust show` names those that are"),
        };
        Err(Failure::new(Exit::Usage, format!("`{member}` is not known: {advice}")))
    })?;
    output::line(&format!("forgot {}", one_line(member)))
}

fn forget_all(file: &TrustFile) -> Result<(), Failure> {
    let path = file.path().display();
    output::line(&if file.remove()? {
        format!("forgot every model: {path} is removed")
    } else {
        format!("no model was known: there is no table at {path}")
    })
}

fn none(file: &TrustFile) -> Failure {
    let what = format!(
        "{}: there is no table yet; `orchestrator trust learn` and `orchestrator feedback` begin one",
        file.path().display()
    );
    Failure::new(Exit::Usage, what)
}
